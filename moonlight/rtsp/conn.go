package rtsp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// lingerTime is how long a client may take to close after the answer. Closing
// first while bytes of it are unread would reset the connection and could take
// the answer with it.
const lingerTime = time.Second

// serveConn answers the one request of a connection.
func (s *Server) serveConn(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	remote := addrPort(conn.RemoteAddr())
	if err := s.exchange(ctx, conn); err != nil && ctx.Err() == nil && !errors.Is(err, io.EOF) {
		s.report(remote, err)
	}
}

// exchange reads, handles and answers; io.EOF means that nothing was sent.
func (s *Server) exchange(ctx context.Context, conn net.Conn) error {
	timeout := orDefault(s.ReadTimeout, DefaultReadTimeout)
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	message, sender, err := s.receive(conn)
	if err == nil && s.Received != nil {
		s.Received(conn)
	}
	if err != nil && (sender == nil || !errors.Is(err, ErrMalformed)) {
		return err
	}
	response := &Response{Status: StatusBadRequest}
	if err == nil {
		var request *Request
		if request, err = ParseRequest(message); err == nil {
			if response = s.handle(ctx, conn, request, sender); response == NoAnswer {
				return nil
			}
		}
	}
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	return errors.Join(err, s.answer(conn, response, sender))
}

// handle runs the Handler and fits its answer to the request.
func (s *Server) handle(ctx context.Context, conn net.Conn, r *Request, sender *Candidate) *Response {
	r.Candidate = sender.ID
	r.RemoteAddr, r.LocalAddr = addrPort(conn.RemoteAddr()), addrPort(conn.LocalAddr())
	ctx, cancel := context.WithTimeout(ctx, orDefault(s.HandlerTimeout, DefaultHandlerTimeout))
	defer cancel()
	response := s.Handler(ctx, r)
	if response == NoAnswer {
		return response
	}
	if response == nil {
		response = &Response{Status: StatusInternalError}
	}
	if cseq := r.Header.Get(HeaderCSeq); cseq != "" && response.Header.Get(HeaderCSeq) == "" {
		answer := *response
		answer.Header = append(Header{{HeaderCSeq, cseq}}, response.Header...)
		response = &answer
	}
	return response
}

// plainSender stands for whoever sent a request in the clear.
var plainSender = &Candidate{}

// receive reads one request. The sender is nil as long as it is not known how to
// answer: a client that encrypts understands nothing else.
func (s *Server) receive(conn io.Reader) (message []byte, sender *Candidate, err error) {
	limit := orDefault(s.MaxMessage, DefaultMaxMessage)
	head := make([]byte, frameHeaderSize)
	// The shortest request has more than 24 bytes: a method, a target, the
	// protocol and a CSeq.
	if n, err := io.ReadFull(conn, head); n == 0 && err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, nil, io.EOF // a probe: the other side closed or reset
	} else if err != nil {
		return nil, nil, incomplete(err)
	}
	if !IsEncrypted(head[0]) {
		message, err := receivePlain(conn, head, limit)
		return message, plainSender, err
	}
	frame, err := ParseFrame(head)
	if err != nil {
		return nil, nil, err
	}
	if uint64(frame.Length) > uint64(limit) {
		return nil, nil, fmt.Errorf("%w: %d bytes, at most %d are taken", ErrTooLarge, frame.Length, limit)
	}
	text := make([]byte, frame.Length)
	if _, err := io.ReadFull(conn, text); err != nil {
		return nil, nil, incomplete(err)
	}
	if s.Keys == nil {
		return nil, nil, ErrNotDecrypted
	}
	message, candidate, err := s.keys.open(s.Keys(), frame, text)
	if err != nil {
		return nil, nil, err
	}
	return message, &candidate, nil
}

// receivePlain reads on after the first bytes of a plain request, to the end of
// its headers and then as far as its Content-length says.
func receivePlain(conn io.Reader, message []byte, limit int) ([]byte, error) {
	chunk := make([]byte, 2048)
	for {
		if end := bytes.Index(message, []byte(headEnd)); end >= 0 {
			return receivePayload(conn, message, end+len(headEnd), limit)
		}
		if len(message) > limit {
			return nil, fmt.Errorf("%w: no end of headers in %d bytes", ErrTooLarge, limit)
		}
		n, err := conn.Read(chunk)
		message = append(message, chunk[:n]...)
		if n == 0 && err != nil {
			return nil, incomplete(err)
		}
	}
}

func receivePayload(conn io.Reader, message []byte, headSize, limit int) ([]byte, error) {
	_, header, _, err := split(message)
	if err != nil {
		return nil, err
	}
	length, _, err := contentLength(header)
	if err != nil {
		return nil, err
	}
	if length > limit-headSize {
		return nil, fmt.Errorf("%w: %d bytes of payload, at most %d are taken in all", ErrTooLarge, length, limit)
	}
	have := min(len(message), headSize+length)
	whole := make([]byte, headSize+length)
	copy(whole, message[:have])
	if _, err := io.ReadFull(conn, whole[have:]); err != nil {
		return nil, incomplete(err)
	}
	return whole, nil
}

// incomplete wraps the error of a request that began and did not end.
func incomplete(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("rtsp request incomplete: %w", err)
}

// answer writes the response, in the manner of the request, and sees it off.
func (s *Server) answer(conn net.Conn, r *Response, sender *Candidate) error {
	if len(r.Header) == 0 { // clients cannot read an answer without any
		r = &Response{Status: r.Status, Reason: r.Reason, Header: Header{{HeaderCSeq, "0"}}, Payload: r.Payload}
	}
	message, err := AppendResponse(nil, r)
	if err != nil {
		return err
	}
	if sender != plainSender {
		sequence, err := s.keys.next(sender.Key)
		if err != nil {
			return err
		}
		if message, err = Seal(nil, sender.Key, FromHost, sequence, message); err != nil {
			return err
		}
	}
	if _, err := conn.Write(message); err != nil {
		return fmt.Errorf("rtsp answer: %w", err)
	}
	if s.Answered != nil {
		s.Answered(conn)
	}
	seeOff(conn)
	return nil
}

// seeOff ends our half of the connection and waits a moment for the other.
func seeOff(conn net.Conn) {
	if half, ok := conn.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
		return
	}
	if conn.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
		_, _ = io.CopyN(io.Discard, conn, DefaultMaxMessage)
	}
}
