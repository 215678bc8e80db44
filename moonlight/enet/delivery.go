package enet

import "fmt"

// Delivery says what happens to a message that the network loses or reorders.
type Delivery int

// The ways to deliver a message.
const (
	// Reliable messages arrive once, and in order within their channel.
	Reliable Delivery = iota
	// Unreliable messages may be lost; one that is older than what its channel
	// has already delivered is dropped.
	Unreliable
	// Unsequenced messages may be lost and may arrive in any order, but not
	// twice.
	Unsequenced
)

// String names the way.
func (d Delivery) String() string {
	switch d {
	case Reliable:
		return "reliable"
	case Unreliable:
		return "unreliable"
	case Unsequenced:
		return "unsequenced"
	}
	return fmt.Sprintf("Delivery(%d)", int(d))
}

// Reason says why a peer is gone.
type Reason int

// The ways a peer ends.
const (
	// ReasonRemote: the other end disconnected; Peer.RemoteData has its number.
	ReasonRemote Reason = iota + 1
	// ReasonLocal: Disconnect or DisconnectNow was called here.
	ReasonLocal
	// ReasonTimeout: the other end acknowledged nothing for the peer timeout.
	ReasonTimeout
	// ReasonReset: Reset was called here.
	ReasonReset
	// ReasonClosed: the host stopped, because its context or its socket ended.
	ReasonClosed
)

// String names the reason.
func (r Reason) String() string {
	switch r {
	case ReasonRemote:
		return "disconnected by the other end"
	case ReasonLocal:
		return "disconnected by this end"
	case ReasonTimeout:
		return "no acknowledgement in time"
	case ReasonReset:
		return "reset"
	case ReasonClosed:
		return "host stopped"
	}
	return fmt.Sprintf("Reason(%d)", int(r))
}
