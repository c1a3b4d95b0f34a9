package lab

import (
	"runtime"
	"runtime/debug"
)

// versions is what this program knows of its own making, for the re-run: the
// compiler, the commit, and the libraries that speak to the stack.
func versions() map[string]string {
	v := map[string]string{"go": runtime.Version(), "os": runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" || s.Key == "vcs.modified" {
			v[s.Key] = s.Value
		}
	}
	for _, dep := range info.Deps {
		v[dep.Path] = dep.Version
	}
	return v
}
