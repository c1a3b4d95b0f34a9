package history

// Changes says whether an op of this kind can leave something behind in a store.
// The others are reads: a read that failed did nothing.
func (k Kind) Changes() bool {
	switch k {
	case Register, Lock, Extend, Release, Purchase:
		return true
	}
	return false
}

// The claims of X-Outcome.
const (
	// ClaimNone: it did not happen and never will.
	ClaimNone = "none"
	// ClaimUnknown: the shop itself does not know.
	ClaimUnknown = "unknown"
)

// ProblemUnknown is the problem code that goes with ClaimUnknown.
const ProblemUnknown = "outcome_unknown"

// Classify says what a buyer may conclude from what came back. code is 0 when no
// status line came; claim is X-Outcome and problem the code of a problem+json
// answer, as answered; wrote says that at least one byte of the request left;
// err is whatever kept the answer from being read whole and understood.
//
// Where in doubt it says Unknown: a wrong Unknown weakens one check, a wrong
// Refused or OK makes the judge accuse or acquit the wrong party.
func Classify(kind Kind, code int, claim, problem string, wrote bool, err error) Outcome {
	switch {
	case err == nil && accepted(kind, code):
		return OK
	case !kind.Changes():
		return Refused
	case err != nil && !wrote:
		return Refused
	case err != nil || code == 0:
		return Unknown
	case claim == ClaimUnknown || problem == ProblemUnknown:
		return Unknown
	case code >= 400 && claim == ClaimNone:
		return Refused
	case refusal(code):
		return Refused
	}
	return Unknown
}

// accepted is strict about purchases, for which the contract knows one "yes".
func accepted(kind Kind, code int) bool {
	if kind == Purchase {
		return code == 202
	}
	return code >= 200 && code < 300
}

// refusal lists the statuses that are a "no" even without a claim, because they
// are decided on the request alone, or by the store saying so. 408 is not among
// them, nor is anything from 500 up: nginx answers 502 and 504 for requests that
// a node may have obeyed.
func refusal(code int) bool {
	switch code {
	case 400, 401, 403, 404, 405, 409, 410, 413, 415, 422, 429:
		return true
	}
	return false
}
