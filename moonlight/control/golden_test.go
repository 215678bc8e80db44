package control

// Envelopes of TypeRequestIDR with two zero bytes, sequence numbers 0 and 1, under
// testKey.
var (
	goldenClient = []string{
		"01001a000000000022302723537811166cb9bfead7dad4575cd629f5cafe",
		"01001a00010000006c12bedcfec5f08348afa44cd89b857221270741031b",
	}
	goldenHost = []string{
		"01001a0000000000556f660c86edf676bcdcb4019e94274bf9df48da4f38",
		"01001a0001000000b8cc7c1f857dba945a445bbf534e078423300570893e",
	}
	goldenLegacy = []string{
		"01001a0000000000566c8363e380dad031b24ee56ee40bb6021579f6ebbe",
		"01001a0001000000db44075091248d9f4ed1d166104ad599e5503cd7b9df",
	}
)
