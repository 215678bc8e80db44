package loggen

// The lines of Wolf as of 2024 to 2026 and of what runs in it; see line for the
// letters in front.

const starting = `I Gstreamer version: 1.24.6-0
D XDG_RUNTIME_DIR=/run/user/wolf
I Reading config file from: /etc/wolf/cfg/config.toml
D /dev/dri/renderD128 vendor: 0x10de
I Using H264 encoder: nvcodec
I Using HEVC encoder: nvcodec
D Skipping QUICKSYNC encoder, not an Intel GPU (0)
I Using zero copy pipeline on Nvidia (/dev/dri/renderD128)
I RTSP server started on port: 48010
I HTTP server listening on port: 47989 
I HTTPS server listening on port: 47984 
I Control server started on port: 47999
I Starting API server on /etc/wolf/wolf.sock
D [PULSE] Pulse connection ready
`

const launching = `D {client} [GET] HTTP://192.168.1.2/serverinfo
D {client} [GET] HTTPS://192.168.1.2/applist
D {client} [GET] HTTPS://192.168.1.2/launch
D Host app state folder: /etc/wolf/{id}/Desktop, creating paths
D [STREAM_SESSION] Create wayland compositor
D [GSTREAMER] Starting video producer: waylanddisplaysrc name=wolf_wayland_source render_node=/dev/dri/renderD128
I Created CUDA context for device: 0
r  INFO smithay::backend::egl::display: EGL Initialized
r  INFO waylanddisplaycore::comp: Listening on wayland socket. socket_name="wayland-1"
I Wayland display ready, listening on: wayland-1
D [STREAM_SESSION] Create virtual audio sink
D [PULSE] Created virtual sink: {n}
D [STREAM_SESSION] Start runner
I [DOCKER] Starting container: /WolfDesktop_{id}
D [RTSP] received command OPTIONS
D [RTSP] received command DESCRIBE
D [RTSP] received command SETUP
D [RTSP] received command SETUP
D [RTSP] received command SETUP
D [RTSP] received command ANNOUNCE
D [RTSP] Moonlight requested video format HEVC
D [RTSP] Adjusted video bitrate to 27308 Kbps
D Video session {id}, waiting for PING...
D Audio session {id}, waiting for PING...
D [RTSP] received command PLAY
D [ENET] connected client: {client}:{port}
I Creating Xbox joypad for controller 0
D Starting video pipeline: 
= interpipesrc listen-to={id}_video is-live=true stream-sync=restart-ts max-bytes=0 max-buffers=1 leaky-type=downstream !
= glupload ! glcolorconvert ! video/x-raw(memory:GLMemory), width=1920, height=1080, framerate=60/1, format=NV12 !
= nvh265enc gop-size=-1 bitrate=27308 aud=false rc-mode=cbr zerolatency=true preset=p1 tune=ultra-low-latency !
= rtpmoonlightpay_video name=moonlight_pay payload_size=1392 fec_percentage=20 min_required_fec_packets=2 !
= udpsink bind-port=48100 host={client} port={port} sync=true
D Starting audio pipeline: 
= interpipesrc listen-to={id}_audio is-live=true !
= opusenc bitrate=96000 bitrate-type=cbr frame-size=5 bandwidth=fullband audio-type=restricted-lowdelay !
= udpsink bind-port=48200 host={client} port={port} sync=true
D [GSTREAMER] Forcing IDR
D [GSTREAMER] Forcing IDR
`

const breaking = `r ERROR smithay::backend::renderer::gles: [GL] GL_OUT_OF_MEMORY error generated. Failed to allocate memory for buffer object.
r ERROR smithay::backend::egl::ffi: [EGL] 0x300c (BAD_PARAMETER) eglCreateImageKHR: EGL_BAD_PARAMETER error: In eglCreateImageKHR: could not bind to DMA buffer
r ERROR smithay::backend::egl::display: error=Failed to create ` + "`EGLImage`" + ` from the buffer
r ERROR waylanddisplaycore::comp: Rendering failed. err=BindBufferEGLError(EGLImageCreationFailed)
g WARN             cudacontext gstcudacontext.cpp:402:gst_create_cucontext: CUDA call failed: CUDA_ERROR_NOT_PERMITTED, operation not permitted
g ERROR            GST_CONTEXT gstcudautils.cpp:230:gst_cuda_ensure_element_context:<nvh265enc{n}> Failed to create CUDA context with device-id 0
E [GSTREAMER] Pipeline error: Could not initialize supporting library.
`

const ending = `D [ENET] disconnected client: {client}:{port}
D [GSTREAMER] Pausing pipeline: {id}
D [GSTREAMER] Pausing pipeline: {id}
D {client} [GET] HTTPS://192.168.1.2/cancel
D [DOCKER] Stopping container: /WolfDesktop_{id}
I Stopped container: /WolfDesktop_{id}
I [GSTREAMER] Pipeline reached End Of Stream
D [STREAM_SESSION] Remove virtual audio sink
`

// noiseLines are what most of a log at DEBUG is.
var noiseLines = []string{
	"D 192.168.1.77 [GET] HTTP://192.168.1.2/serverinfo",
	"D 192.168.1.77 [GET] HTTPS://192.168.1.2/serverinfo",
	"D 192.168.1.93 [GET] HTTPS://192.168.1.2/applist",
	"D 192.168.1.93 [GET] HTTPS://192.168.1.2/appasset",
	"g DEBUG           interpipesrc gstinterpipesrc.c:671:gst_inter_pipe_src_event:<interpipesrc_{id}_video> Dequeue buffer {hex} with timestamp (PTS) {uptime}",
	"g INFO               GST_EVENT gstevent.c:892:gst_event_new_caps: creating caps event video/x-raw(memory:CUDAMemory), width=(int)1920, height=(int)1080, framerate=(fraction)60/1, format=(string)NV12",
	"g INFO        GST_ELEMENT_PADS gstelement.c:1016:gst_element_get_static_pad: found pad moonlight_pay:sink",
	"r  INFO waylanddisplaycore::comp: New toplevel window mapped surface=wl_surface@{port} app_id=\"steam\" title=\"Steam Big Picture Mode\"",
	"r DEBUG smithay::wayland::shell::xdg: ack_configure surface=wl_surface@{port} serial=Serial({n})",
	"= {clock} [INFO] [sway/tree/view.c:812] Checking input (xwayland) surface 0x{hex}",
	"= steamwebhelper.sh[1427]: CProcessWorkItem: work item {n} done in 0.0{port} s, queue depth 3",
	"= [2025-10-02 06:40:11] Loaded Config for Local Override Path for App ID 413080, Controller 0: ~/.steam/steam/controller_base/empty.vdf",
	"= src/steamUI/steamuisharedjscontroller.cpp (1003) : shared JS context alive, frame {hex}",
	"D [ENET] Ignoring packet of type CONTROL_PERIODIC_PING from {client}:{port}",
	"D [API] Sending SSE event wolf::core::events::FPS to 1 subscribers: {\"session_id\":\"{id}\",\"fps\":60}",
	"D {client} [GET] HTTPS://192.168.1.2/serverinfo",
}

// infoNoise is what the image's defaults leave, which is mostly the output of apps.
var infoNoise = []string{
	"= {clock} [INFO] [sway/tree/view.c:812] Checking input (xwayland) surface 0x{hex}",
	"= steamwebhelper.sh[1427]: CProcessWorkItem: work item {n} done in 0.0{port} s, queue depth 3",
	"W Received MOUSE_MOVE_REL_PACKET but no mouse device is ready on {client}",
	"= src/steamUI/steamuisharedjscontroller.cpp (1003) : shared JS context alive, frame {hex}",
	"g WARN               nvencoder gstnvencoder.cpp:1200:gst_nv_encoder_handle_frame:<nvh265enc{n}> input frame {hex} is late, skipping",
}
