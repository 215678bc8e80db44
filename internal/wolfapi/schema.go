package wolfapi

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// object is a JSON object that keeps the order of its members.
type object []member

type member struct {
	name  string
	value any
}

// MarshalJSON writes the members in order.
func (o object) MarshalJSON() ([]byte, error) {
	var b strings.Builder
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		b.WriteString(strconv.Quote(m.name))
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return []byte(b.String()), nil
}

const components = "#/components/schemas/"

// schemaNames are Wolf's names of the shapes, from which generators of clients
// make the names of their types.
var schemaNames = map[reflect.Type]string{
	reflect.TypeFor[App]():             "rfl__Reflector_wolf__core__events__App___ReflType",
	reflect.TypeFor[Lobby]():           "rfl__Reflector_wolf__core__events__Lobby___ReflType",
	reflect.TypeFor[Profile]():         "rfl__Reflector_wolf__core__events__Profile___ReflType",
	reflect.TypeFor[Session]():         "rfl__Reflector_wolf__core__events__StreamSession___ReflType",
	reflect.TypeFor[AppDelete]():       "wolf__api__AppDeleteRequest",
	reflect.TypeFor[AppList]():         "wolf__api__AppListResponse",
	reflect.TypeFor[LobbyCreate]():     "wolf__api__CreateLobbyRequest",
	reflect.TypeFor[ImagePull]():       "wolf__api__DockerPullImageRequest",
	reflect.TypeFor[ImagePulled]():     "wolf__api__DockerPullImageResponse",
	reflect.TypeFor[Failure]():         "wolf__api__GenericErrorResponse",
	reflect.TypeFor[Success]():         "wolf__api__GenericSuccessResponse",
	reflect.TypeFor[LobbyList]():       "wolf__api__LobbiesResponse",
	reflect.TypeFor[LobbyCreated]():    "wolf__api__LobbyCreateResponse",
	reflect.TypeFor[Pair]():            "wolf__api__PairRequest",
	reflect.TypeFor[Client]():          "wolf__api__PairedClient",
	reflect.TypeFor[ClientList]():      "wolf__api__PairedClientsResponse",
	reflect.TypeFor[PartialSettings](): "wolf__api__PartialClientSettings",
	reflect.TypeFor[Pending]():         "wolf__api__PendingPairClient",
	reflect.TypeFor[PendingList]():     "wolf__api__PendingPairRequestsResponse",
	reflect.TypeFor[ProfileList]():     "wolf__api__ProfileListResponse",
	reflect.TypeFor[ProfileRemove]():   "wolf__api__ProfileRemoveRequest",
	reflect.TypeFor[RunnerStart]():     "wolf__api__RunnerStartRequest",
	reflect.TypeFor[SessionCreated]():  "wolf__api__StreamSessionCreated",
	reflect.TypeFor[SessionInput]():    "wolf__api__StreamSessionHandleInputRequest",
	reflect.TypeFor[SessionList]():     "wolf__api__StreamSessionListResponse",
	reflect.TypeFor[SessionPause]():    "wolf__api__StreamSessionPauseRequest",
	reflect.TypeFor[SessionStart]():    "wolf__api__StreamSessionStartRequest",
	reflect.TypeFor[SessionStop]():     "wolf__api__StreamSessionStopRequest",
	reflect.TypeFor[Unpair]():          "wolf__api__UnpairClientRequest",
	reflect.TypeFor[ClientSettings]():  "wolf__api__UpdateClientSettingsRequest",
	reflect.TypeFor[ProcessRunner]():   "wolf__config__AppCMD__tagged",
	reflect.TypeFor[DockerRunner]():    "wolf__config__AppDocker__tagged",
	reflect.TypeFor[Settings]():        "wolf__config__ClientSettings",
	reflect.TypeFor[AudioMode]():       "wolf__core__audio__AudioMode",
	reflect.TypeFor[AudioSession]():    "wolf__core__events__AudioSession",
	reflect.TypeFor[AudioSettings]():   "wolf__core__events__AudioSettings",
	reflect.TypeFor[LobbyJoin]():       "wolf__core__events__JoinLobbyEvent",
	reflect.TypeFor[LobbyLeave]():      "wolf__core__events__LeaveLobbyEvent",
	reflect.TypeFor[LobbyPause]():      "wolf__core__events__PauseLobbyEvent",
	reflect.TypeFor[LobbyResume]():     "wolf__core__events__ResumeLobbyEvent",
	reflect.TypeFor[LobbyStop]():       "wolf__core__events__StopLobbyEvent",
	reflect.TypeFor[VideoSession]():    "wolf__core__events__VideoSession",
	reflect.TypeFor[VideoSettings]():   "wolf__core__events__VideoSettings",
	reflect.TypeFor[DisplayMode]():     "wolf__core__virtual_display__DisplayMode",
}

// words are the values of named string types.
var words = map[reflect.Type][]string{
	reflect.TypeFor[Controller](): {"XBOX", "PS", "NINTENDO", "AUTO"},
	reflect.TypeFor[Speaker]():    {"FRONT_LEFT", "FRONT_RIGHT", "FRONT_CENTER", "LOW_FREQUENCY", "BACK_LEFT", "BACK_RIGHT", "SIDE_LEFT", "SIDE_RIGHT", "MAX_SPEAKERS"},
}

// Schema is the OpenAPI description of the API, as GET openapi-schema answers it.
func Schema() []byte {
	s := schema{seen: map[reflect.Type]object{}}
	paths := object{}
	for _, c := range calls() {
		// Wolf has one verb per path.
		paths = append(paths, member{c.path, object{{strings.ToLower(c.method), s.operation(c)}}})
	}
	text, err := json.MarshalIndent(object{
		{"openapi", "3.1.0"},
		{"info", object{{"title", "Wolf API"}, {"description", "The API of Wolf, as Kennel answers it"}, {"version", "0.1"}}},
		{"servers", []object{{{"url", "http://localhost/"}, {"description", "The socket"}}}},
		{"paths", paths},
		{"components", object{{"schemas", s.shapes()}}},
	}, "", "  ")
	if err != nil {
		// Nothing here comes from outside, and a test calls it.
		return nil
	}
	return append(text, '\n')
}

// schema gathers the shapes that calls use.
type schema struct{ seen map[reflect.Type]object }

func (s *schema) operation(c call) object {
	o := object{{"summary", c.summary}, {"description", c.note}}
	if c.takes != nil {
		o = append(o, member{"requestBody", append(s.content(c.takes), member{"description", ""}, member{"required", true})})
	}
	answers := object{}
	if c.gives != nil {
		answers = append(answers, member{"200", append(s.content(c.gives), member{"description", ""})})
		for _, status := range c.fails {
			answers = append(answers, member{strconv.Itoa(status), append(s.content(reflect.TypeFor[Failure]()), member{"description", ""})})
		}
	}
	return append(o, member{"responses", answers})
}

func (s *schema) content(of reflect.Type) object {
	return object{{"content", object{{"application/json", object{{"schema", s.of(of, "")}}}}}}
}

// shapes are all that were seen, by name.
func (s *schema) shapes() object {
	all := object{}
	for of, shape := range s.seen {
		all = append(all, member{schemaNames[of], shape})
	}
	slices.SortFunc(all, func(a, b member) int { return strings.Compare(a.name, b.name) })
	return all
}

// of describes a type; enum lists the values of a string.
func (s *schema) of(of reflect.Type, enum string) object {
	if of == reflect.TypeFor[Runner]() {
		return object{{"anyOf", []object{s.of(reflect.TypeFor[ProcessRunner](), ""), s.of(reflect.TypeFor[DockerRunner](), "")}}}
	}
	if values, ok := words[of]; ok {
		return object{{"type", "string"}, {"enum", values}}
	}
	switch of.Kind() {
	case reflect.Struct:
		s.shape(of)
		return object{{"$ref", components + schemaNames[of]}}
	case reflect.Pointer:
		return object{{"anyOf", []object{s.of(of.Elem(), ""), {{"type", "null"}}}}}
	case reflect.Slice:
		return object{{"type", "array"}, {"items", s.of(of.Elem(), "")}}
	case reflect.Array:
		return object{{"type", "array"}, {"items", s.of(of.Elem(), "")}, {"minItems", of.Len()}, {"maxItems", of.Len()}}
	case reflect.Bool:
		return object{{"type", "boolean"}}
	case reflect.Int:
		return object{{"type", "integer"}}
	case reflect.Float64:
		return object{{"type", "number"}}
	}
	if enum != "" {
		return object{{"type", "string"}, {"enum", strings.Split(enum, ",")}}
	}
	return object{{"type", "string"}}
}

// shape describes a struct, once.
func (s *schema) shape(of reflect.Type) {
	if _, ok := s.seen[of]; ok {
		return
	}
	s.seen[of] = nil // a shape that holds itself ends here
	properties, required := object{}, []string{}
	for i := range of.NumField() {
		f := of.Field(i)
		name, option, _ := strings.Cut(f.Tag.Get("json"), ",")
		properties = append(properties, member{name, s.of(f.Type, f.Tag.Get("enum"))})
		if option == "" {
			required = append(required, name)
		}
	}
	s.seen[of] = object{{"type", "object"}, {"properties", properties}, {"required", required}}
}
