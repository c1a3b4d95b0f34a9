//go:build !linux

package block

import (
	"os/exec"
	"strconv"
	"strings"
)

// holder asks lsof, which macOS has.
func holder(port int) string {
	out, err := exec.Command("lsof", "-nP", "-iTCP:"+strconv.Itoa(port), "-sTCP:LISTEN", "-Fpc").Output()
	if err != nil {
		return ""
	}
	return strings.Join(strings.Fields(string(out)), " ")
}
