package mutants_test

import (
	"encoding/json"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/scenarios"
	"eventflow/scenarios/invariant"
	"eventflow/scenarios/lab"
	"eventflow/scenarios/mutants"
	"eventflow/scenarios/overlay"
)

const root = "../.."

func TestMutantsAreWhole(t *testing.T) {
	names, catalogue := map[string]bool{}, byName()
	for _, m := range mutants.All() {
		t.Run(m.Name, func(t *testing.T) {
			assert.False(t, names[m.Name], "two mutants of one name")
			names[m.Name] = true
			assert.Regexp(t, `^[a-z0-9-]+$`, m.Name)
			assert.Regexp(t, `^[MPX][0-9]+$`, m.ID)
			assert.NotEmpty(t, m.Lesson.EN)
			assert.NotEmpty(t, m.Lesson.ES)
			assert.NotEqual(t, m.Lesson.EN, m.Lesson.ES)
			assert.False(t, m.Needs.Zero(), "it is EventFlow as it is shipped")
			assert.Contains(t, catalogue, m.Scenario)
			require.NotEmpty(t, m.Anomaly)
			for _, a := range m.Anomaly {
				assert.Contains(t, known(), a, "no judge has this invariant")
			}
			found, ok := mutants.Find(m.Name)
			assert.True(t, ok)
			assert.Equal(t, m, found)
		})
	}
	_, ok := mutants.Find("no-such-bug")
	assert.False(t, ok)
}

func byName() map[string]lab.Scenario {
	all := map[string]lab.Scenario{}
	for _, s := range scenarios.All() {
		all[s.Name] = s
	}
	return all
}

func known() []string {
	var names []string
	for _, info := range invariant.All() {
		names = append(names, info.Name)
	}
	return names
}

func TestEveryScenarioOfTheGateHasAMutant(t *testing.T) {
	for name, s := range byName() {
		if !s.Gate {
			continue
		}
		assert.True(t, slices.ContainsFunc(mutants.All(), func(m mutants.Mutant) bool { return m.Scenario == name }),
			"%s lets every bug live that anybody has thought of", name)
	}
}

func TestWhatIsLeftOutSaysWhy(t *testing.T) {
	for _, left := range mutants.Excluded() {
		assert.NotEmpty(t, left.Bug)
		assert.NotEmpty(t, left.Why)
		_, planted := mutants.Find(left.ID)
		assert.False(t, planted, "%s is a mutant and left out", left.ID)
	}
}

// TestEditsFit applies every mutant to the sources as they are, together with what
// its scenario edits: a bug whose text is gone must fail here, not at night.
func TestEditsFit(t *testing.T) {
	for _, m := range mutants.All() {
		t.Run(m.Name, func(t *testing.T) {
			_, err := overlay.Apply(root, t.TempDir(), m.Needs.Edits)
			require.NoError(t, err)
			_, err = overlay.Apply(root, t.TempDir(), byName()[m.Scenario].Needs.With(m.Needs).Edits)
			assert.NoError(t, err, "together with what %s edits", m.Scenario)
		})
	}
}

// TestMutantsCompile has the compiler look at what each mutant edits. No edit
// changes what a package offers to others, so that theirs need not be built.
func TestMutantsCompile(t *testing.T) {
	source, err := filepath.Abs(root)
	require.NoError(t, err)
	checked, done := 0, map[string]bool{}
	for _, m := range mutants.All() {
		made, err := overlay.Apply(source, t.TempDir(), m.Needs.Edits)
		require.NoError(t, err, m.Name)
		same, err := json.Marshal(m.Needs.Edits)
		require.NoError(t, err)
		if made.Overlay() == "" || done[string(same)] {
			continue
		}
		done[string(same)] = true
		if checked++; testing.Short() && checked > 3 {
			return
		}
		t.Run(m.Name, func(t *testing.T) {
			vet := exec.CommandContext(t.Context(), "go", append([]string{"vet", "-overlay", made.Overlay()}, packages(made.Files())...)...)
			vet.Dir = source
			out, err := vet.CombinedOutput()
			assert.NoError(t, err, "%s", out)
		})
	}
}

// packages are the packages that these files belong to.
func packages(files []string) []string {
	var dirs []string
	for _, f := range files {
		if path.Ext(f) == ".go" {
			dirs = append(dirs, "./"+path.Dir(f))
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}
