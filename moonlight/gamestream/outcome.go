package gamestream

// PairOutcome is how a pairing ended whose PIN had been entered.
type PairOutcome string

// Outcomes of a pairing.
const (
	// PairPaired: the client is paired.
	PairPaired PairOutcome = "paired"
	// PairWrongPIN: the PIN is not the one that the client shows.
	PairWrongPIN PairOutcome = "wrong-pin"
	// PairGone: the client asked no more, so nobody knows whether the PIN fits.
	PairGone PairOutcome = "gone"
	// PairLapsed: the request lapsed before the PIN came.
	PairLapsed PairOutcome = "lapsed"
	// PairFailed: the host failed, as PairResult.Err says.
	PairFailed PairOutcome = "failed"
)

// PairResult is the end of a pairing whose PIN had been entered.
type PairResult struct {
	Outcome PairOutcome
	// Stopped says of PairWrongPIN that the client stopped where it checks the
	// PIN. It may also have lost its connection just there.
	Stopped bool
	// Err is why PairFailed.
	Err error
}
