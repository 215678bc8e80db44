package vitals

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"testing/synctest"
)

// TestGPUFiles: those that Wolf has open are counted, and only those.
func TestGPUFiles(t *testing.T) {
	for files, want := range map[int]State{20: OK, mostGPUFiles + 1: Warning} {
		m := planted(t, map[string]string{"/proc/12/comm": "wolf\n", "/proc/12/fd/x": "", "/proc/13/comm": "wolf-ui\n"})
		for n := range files {
			if err := os.Symlink("/dev/nvidia0", m.path("/proc/12/fd", fmt.Sprint(n))); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink("socket:[1]", m.path("/proc/12/fd/9999")); err != nil {
			t.Fatal(err)
		}
		found := lookProcess(t.Context(), m)
		if len(found) != 1 || found[0].State != want || found[0].Found != fmt.Sprintf("process 12 has %d open", files)+map[State]string{OK: "", Warning: ": sessions do not give them back"}[want] {
			t.Errorf("%d files: %+v", files, found)
		}
	}
}

const serving = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n" +
	"   0: 00000000:BB70 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 7 1 0000000000000000 100 0 0 10 0\n"

// TestHTTPS: one that answers, and nothing where nobody listens.
func TestHTTPS(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	m := planted(t, map[string]string{"/proc/net/tcp": serving})
	m.HTTPS = server.Listener.Addr().String()
	if found := m.lookHTTPS(t.Context()); len(found) != 1 || found[0].State != OK {
		t.Errorf("%+v", found)
	}
	if found := planted(t, map[string]string{"/proc/net/tcp": ""}).lookHTTPS(t.Context()); found != nil {
		t.Errorf("nobody listens, and %+v", found)
	}
}

// TestHTTPSThatHangs: the port takes connections, and no handshake ends.
func TestHTTPSThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer server.Close()
		go func() {
			for buf := make([]byte, 4096); ; {
				if _, err := server.Read(buf); err != nil {
					return
				}
			}
		}()
		if f := handshakeWith(t.Context(), client); f.State != Fault || f.Cure == "" {
			t.Errorf("%+v", f)
		}
	})
}
