package serve

import (
	"encoding"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"strconv"
	"text/tabwriter"
	"time"
)

// ErrHelp says that -h was asked for.
var ErrHelp = errors.New("help asked for")

// Load fills cfg, a pointer to a struct, from the environment. Every field needs
// a tag env:"NAME"; default:"…" makes it optional; help:"…" says what it is for;
// secret:"true" keeps its value out of logs and errors; min and max bound
// numbers and durations. Embedded structs are filled too. Fields may be string,
// bool, int, float64, time.Duration or anything that unmarshals text.
//
// The error lists everything that is wrong, not only the first thing.
func Load(cfg any, args []string, lookup func(string) (string, bool)) error {
	for _, a := range args {
		if a == "-h" || a == "-help" || a == "--help" {
			return ErrHelp
		}
		return fmt.Errorf("argument %q: there are none but -h and health, configuration comes from the environment", a)
	}
	var errs []error
	for _, v := range variables(cfg) {
		if err := v.load(lookup); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Usage prints every variable, its default and its meaning.
func Usage(out io.Writer, cfg any) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "VARIABLE\tDEFAULT\tMEANING")
	for _, v := range variables(cfg) {
		fmt.Fprintf(w, "%s\t%s\t%s\n", v.name, v.describeDefault(), v.tag.Get("help"))
	}
	w.Flush() //nolint:errcheck // a help text that cannot be printed has no reader
}

// Redacted is the configuration as the start-up line shows it: secrets as "***",
// or as "" when they are empty, because an empty password is worth seeing.
func Redacted(cfg any) slog.Attr {
	var attrs []any
	for _, v := range variables(cfg) {
		attrs = append(attrs, slog.String(v.name, v.show(fmt.Sprint(v.field.Interface()))))
	}
	return slog.Group("config", attrs...)
}

type variable struct {
	name  string
	tag   reflect.StructTag
	field reflect.Value
}

func variables(cfg any) []variable { return collect(reflect.ValueOf(cfg).Elem()) }

func collect(s reflect.Value) []variable {
	var out []variable
	for i := range s.NumField() {
		f := s.Type().Field(i)
		name, ok := f.Tag.Lookup("env")
		switch {
		case ok:
			out = append(out, variable{name, f.Tag, s.Field(i)})
		case f.Type.Kind() == reflect.Struct:
			out = append(out, collect(s.Field(i))...)
		}
	}
	return out
}

// load prefers the environment, where an empty value counts as unset: that is
// what compose files leave behind for a variable nobody gave.
func (v variable) load(lookup func(string) (string, bool)) error {
	text, set := lookup(v.name)
	if !set || text == "" {
		fallback, optional := v.tag.Lookup("default")
		if !optional {
			return fmt.Errorf("%s is not set: %s", v.name, v.tag.Get("help"))
		}
		if fallback == "" {
			return nil
		}
		text = fallback
	}
	if err := v.set(text); err != nil {
		return fmt.Errorf("%s=%q: %w", v.name, v.show(text), err)
	}
	return v.bounds(text)
}

func (v variable) set(text string) error {
	switch p := v.field.Addr().Interface().(type) {
	case encoding.TextUnmarshaler:
		return p.UnmarshalText([]byte(text))
	case *string:
		*p = text
		return nil
	case *bool:
		return parse(p, text, strconv.ParseBool, "true or false")
	case *int:
		return parse(p, text, strconv.Atoi, "a whole number")
	case *float64:
		return parse(p, text, func(s string) (float64, error) { return strconv.ParseFloat(s, 64) }, "a number")
	case *time.Duration:
		return parse(p, text, time.ParseDuration, "a duration such as 200ms, 1s or 10m")
	}
	return fmt.Errorf("type %s cannot be configured", v.field.Type())
}

func parse[T any](into *T, text string, how func(string) (T, error), form string) error {
	value, err := how(text)
	if err != nil {
		return fmt.Errorf("expected %s", form)
	}
	*into = value
	return nil
}

// bounds compares in the field's own unit. A bound that does not parse is a
// programmer's mistake and is reported as loudly as an operator's.
func (v variable) bounds(text string) error {
	for _, side := range []string{"min", "max"} {
		bound, ok := v.tag.Lookup(side)
		if !ok {
			continue
		}
		limit := variable{v.name, v.tag, reflect.New(v.field.Type()).Elem()}
		if err := limit.set(bound); err != nil {
			return fmt.Errorf("%s: bound %q: %w", v.name, bound, err)
		}
		order := compare(v.field, limit.field)
		if side == "min" && order < 0 || side == "max" && order > 0 {
			return fmt.Errorf("%s=%q: expected %s %s", v.name, v.show(text), map[string]string{"min": "at least", "max": "at most"}[side], bound)
		}
	}
	return nil
}

func compare(a, b reflect.Value) int {
	if a.CanInt() {
		return sign(float64(a.Int()) - float64(b.Int()))
	}
	return sign(a.Float() - b.Float())
}

func sign(x float64) int {
	switch {
	case x < 0:
		return -1
	case x > 0:
		return 1
	}
	return 0
}

func (v variable) show(text string) string {
	if v.tag.Get("secret") == "true" && text != "" {
		return "***"
	}
	return text
}

func (v variable) describeDefault() string {
	fallback, optional := v.tag.Lookup("default")
	switch {
	case !optional:
		return "(required)"
	case fallback == "":
		return "(empty)"
	}
	return v.show(fallback)
}
