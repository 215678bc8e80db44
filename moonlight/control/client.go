package control

import (
	"encoding/binary"
	"fmt"
)

// Payloads of fixed content, client to host.
var (
	startAPayload = []byte{0, 0}
	startBPayload = []byte{0}
)

// AppendRequestIDR appends the payload of TypeRequestIDR, which is Start A too.
func AppendRequestIDR(dst []byte) []byte { return append(dst, startAPayload...) }

// AppendStartB appends the payload of TypeStartB.
func AppendStartB(dst []byte) []byte { return append(dst, startBPayload...) }

// AppendPing appends the payload of TypePing.
func AppendPing(dst []byte) []byte { return append(dst, 4, 0, 0, 0, 0, 0, 0, 0) }

// FrameRange is the payload of TypeInvalidateFrames: the client has lost
// something in these frames, and nothing may refer to them.
type FrameRange struct {
	// First and Last are frame indices, both included, First at most Last.
	First, Last uint32
}

const frameRangeSize = 24

// Append appends the payload.
func (r FrameRange) Append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(r.First))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(r.Last))
	return binary.LittleEndian.AppendUint64(dst, 0)
}

// ParseFrameRange reads the payload of TypeInvalidateFrames.
func ParseFrameRange(payload []byte) (FrameRange, error) {
	if err := atLeast(payload, frameRangeSize, "lost frames"); err != nil {
		return FrameRange{}, err
	}
	r := FrameRange{First: binary.LittleEndian.Uint32(payload), Last: binary.LittleEndian.Uint32(payload[8:])}
	if r.First > r.Last {
		return FrameRange{}, fmt.Errorf("lost frames %d to %d run backwards: %w", r.First, r.Last, ErrMalformed)
	}
	return r, nil
}

// LTRAck is the payload of TypeLTRAck: this long-term reference frame arrived.
type LTRAck struct{ Frame uint32 }

// Append appends the payload.
func (a LTRAck) Append(dst []byte) []byte {
	return binary.LittleEndian.AppendUint64(dst, uint64(a.Frame))
}

// ParseLTRAck reads the payload of TypeLTRAck.
func ParseLTRAck(payload []byte) (LTRAck, error) {
	if err := atLeast(payload, 8, "LTR acknowledgement"); err != nil {
		return LTRAck{}, err
	}
	return LTRAck{Frame: binary.LittleEndian.Uint32(payload)}, nil
}

// FECStatus is the payload of TypeFECStatus: how a block of a frame came
// through. Clients send it unsequenced, and only after loss.
type FECStatus struct {
	Frame                  uint32
	HighestSequence        uint16 // highest RTP sequence number received
	NextContiguousSequence uint16 // first RTP sequence number not yet received in order
	MissingBeforeHighest   uint16
	TotalData, TotalParity uint16 // packets in the block
	ReceivedData           uint16
	ReceivedParity         uint16
	Percentage             uint8 // parity per data, in percent
	BlockIndex, BlockCount uint8
}

const fecStatusSize = 21

// Append appends the payload.
func (s FECStatus) Append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, s.Frame)
	for _, v := range [...]uint16{
		s.HighestSequence, s.NextContiguousSequence, s.MissingBeforeHighest,
		s.TotalData, s.TotalParity, s.ReceivedData, s.ReceivedParity,
	} {
		dst = binary.BigEndian.AppendUint16(dst, v)
	}
	return append(dst, s.Percentage, s.BlockIndex, s.BlockCount)
}

// ParseFECStatus reads the payload of TypeFECStatus from a client.
func ParseFECStatus(payload []byte) (FECStatus, error) {
	if err := atLeast(payload, fecStatusSize, "FEC status"); err != nil {
		return FECStatus{}, err
	}
	word := func(i int) uint16 { return binary.BigEndian.Uint16(payload[4+2*i:]) }
	return FECStatus{
		Frame:                  binary.BigEndian.Uint32(payload),
		HighestSequence:        word(0),
		NextContiguousSequence: word(1),
		MissingBeforeHighest:   word(2),
		TotalData:              word(3),
		TotalParity:            word(4),
		ReceivedData:           word(5),
		ReceivedParity:         word(6),
		Percentage:             payload[18],
		BlockIndex:             payload[19],
		BlockCount:             payload[20],
	}, nil
}

// atLeast checks a payload's length. Longer ones pass, since newer clients
// append fields.
func atLeast(payload []byte, size int, what string) error {
	if len(payload) < size {
		return fmt.Errorf("%s of %d bytes, want %d: %w", what, len(payload), size, ErrMalformed)
	}
	return nil
}
