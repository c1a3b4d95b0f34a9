package overlay_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/scenarios/overlay"
)

// tree is a small source tree: a program that prints a word from a package.
func tree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":         "module x\n\ngo 1.26\n",
		"main.go":        "package main\n\nimport \"x/word\"\n\nfunc main() { print(word.Word) }\n",
		"word/word.go":   "package word\n\nconst Word = \"sound\"\n",
		"site/site.conf": "listen 1;\nlisten 2;\n",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	return dir
}

func TestProgramIsBuiltWithTheEdits(t *testing.T) {
	source, dir := tree(t), t.TempDir()
	made, err := overlay.Apply(source, dir, []overlay.Edit{
		{File: "word/word.go", Old: "sound", New: "broken"},
		{File: "word/word.go", Old: `"broken"`, New: `"broken twice"`}, // on what the first one left
	})
	require.NoError(t, err)
	build := exec.CommandContext(t.Context(), "go", "build", "-overlay", made.Overlay(), "-o", filepath.Join(dir, "x"), ".")
	build.Dir = source
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	said, err := exec.CommandContext(t.Context(), filepath.Join(dir, "x")).CombinedOutput()
	require.NoError(t, err)
	assert.Equal(t, "broken twice", string(said))

	kept, err := os.ReadFile(filepath.Join(source, "word", "word.go"))
	require.NoError(t, err)
	assert.Contains(t, string(kept), "sound", "the source tree is left as it is")
}

func TestOtherFilesAreTakenFromTheirCopies(t *testing.T) {
	source := tree(t)
	made, err := overlay.Apply(source, t.TempDir(), []overlay.Edit{{File: "site/site.conf", Old: "listen 2", New: "listen 3"}})
	require.NoError(t, err)
	assert.Empty(t, made.Overlay(), "there is nothing to tell the compiler")
	assert.Equal(t, []string{"site/site.conf"}, made.Files())
	text, err := os.ReadFile(made.Path("site/site.conf"))
	require.NoError(t, err)
	assert.Equal(t, "listen 1;\nlisten 3;\n", string(text))
	assert.Equal(t, filepath.Join(source, "main.go"), made.Path("main.go"))
}

func TestNoEditsIsTheTreeAsItIs(t *testing.T) {
	source := tree(t)
	made, err := overlay.Apply(source, filepath.Join(source, "nowhere"), nil)
	require.NoError(t, err)
	assert.Empty(t, made.Overlay())
	assert.Empty(t, made.Files())
	assert.Equal(t, filepath.Join(source, "word", "word.go"), made.Path("word/word.go"))
}

func TestEditThatDoesNotFitIsAnError(t *testing.T) {
	for name, c := range map[string]struct {
		edit overlay.Edit
		says []string
	}{
		"text is gone":          {overlay.Edit{File: "word/word.go", Old: "vanished", New: "x"}, []string{"word/word.go", "vanished", "0 times"}},
		"text stands twice":     {overlay.Edit{File: "site/site.conf", Old: "listen", New: "x"}, []string{"site/site.conf", "listen", "2 times"}},
		"no text":               {overlay.Edit{File: "word/word.go", New: "x"}, []string{"word/word.go", "not once"}},
		"nothing changes":       {overlay.Edit{File: "word/word.go", Old: "sound", New: "sound"}, []string{"word/word.go", "changes nothing"}},
		"no such file":          {overlay.Edit{File: "word/none.go", Old: "a", New: "b"}, []string{"word/none.go", "no such file"}},
		"file outside the tree": {overlay.Edit{File: "../main.go", Old: "a", New: "b"}, []string{"../main.go", "root of the source tree"}},
		"two names of one file": {overlay.Edit{File: "word/../main.go", Old: "main", New: "b"}, []string{"root of the source tree"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			_, err := overlay.Apply(tree(t), dir, []overlay.Edit{{File: "main.go", Old: "print(", New: "println("}, c.edit})
			for _, part := range append(c.says, "edit 2 of") {
				require.ErrorContains(t, err, part)
			}
			left, err := os.ReadDir(dir)
			require.NoError(t, err)
			assert.Empty(t, left, "half the edits are none")
		})
	}
}
