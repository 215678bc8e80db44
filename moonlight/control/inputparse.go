package control

// ParseInput reads an input packet, the payload of TypeInput.
func ParseInput(payload []byte) (Input, error) { return nil, ErrUnknown }

// AppendInput appends an input packet, the payload of TypeInput.
func AppendInput(dst []byte, in Input) []byte { return dst }
