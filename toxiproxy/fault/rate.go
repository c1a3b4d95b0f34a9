package fault

import (
	"fmt"
	"strconv"
	"strings"
)

// Rate is in thousands of bytes per second, the proxy server's unit. In JSON and on
// a command line it is written "4KB/s".
type Rate int64

const rateUnit = "KB/s"

// String is "4KB/s".
func (r Rate) String() string { return strconv.FormatInt(int64(r), 10) + rateUnit }

// MarshalText writes the rate with its unit.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText refuses anything without the unit.
func (r *Rate) UnmarshalText(text []byte) error {
	digits, unit := strings.CutSuffix(string(text), rateUnit)
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || !unit {
		return fmt.Errorf("rate %q: want a whole number of thousands of bytes per second, as in 4%s", text, rateUnit)
	}
	*r = Rate(n)
	return nil
}
