package report

import (
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"strings"
)

// pageFiles is what the pages are made of: templates, style, script and words.
//
//go:embed page
var pageFiles embed.FS

// The languages of the pages. A page carries both, and shows one.
const (
	English = "en"
	Spanish = "es"
)

// languages in the order in which they stand in a page.
func languages() []string { return []string{English, Spanish} }

// words is a catalogue for each language: key to sentence.
type words map[string]map[string]string

func loadWords() (words, error) {
	w := words{}
	for _, lang := range languages() {
		raw, err := pageFiles.ReadFile("page/" + lang + ".json")
		if err != nil {
			return nil, fmt.Errorf("read words: %w", err)
		}
		catalogue := map[string]string{}
		if err := json.Unmarshal(raw, &catalogue); err != nil {
			return nil, fmt.Errorf("read words of %s: %w", lang, err)
		}
		w[lang] = catalogue
	}
	return w, nil
}

// plain is the sentence of one language as text. pairs are names and values for
// its {name}s; where there is an n of zero or one, the key's own ".zero" or ".one"
// is taken if there is such. A key that is missing is an error: half a page in the
// wrong language is worse than none.
func (w words) plain(lang, key string, pairs ...any) (string, error) {
	text, ok := w[lang][form(w[lang], key, pairs)]
	if !ok {
		return "", fmt.Errorf("no words for %q in %s", key, lang)
	}
	return strings.NewReplacer(braced(pairs, func(x any) string { return fmt.Sprint(x) })...).Replace(text), nil
}

// both is the sentence in every language, of which style shows one. Values are
// escaped, unless they are HTML already.
func (w words) both(key string, pairs ...any) (template.HTML, error) {
	var b strings.Builder
	for _, lang := range languages() {
		text, ok := w[lang][form(w[lang], key, pairs)]
		if !ok {
			return "", fmt.Errorf("no words for %q in %s", key, lang)
		}
		text = strings.NewReplacer(braced(pairs, asHTML)...).Replace(template.HTMLEscapeString(text))
		b.WriteString(spoken(lang, text))
	}
	return template.HTML(b.String()), nil
}

// spoken marks HTML as being in a language: style shows it if the page speaks that.
func spoken(lang, text string) string {
	return fmt.Sprintf(`<span class="%s" lang="%s">%s</span>`, lang, lang, text)
}

// inBoth is a sentence that is not from the catalogues.
func inBoth(en, es string) template.HTML {
	return template.HTML(spoken(English, template.HTMLEscapeString(en)) + spoken(Spanish, template.HTMLEscapeString(es)))
}

func asHTML(x any) string {
	if safe, ok := x.(template.HTML); ok {
		return string(safe)
	}
	return template.HTMLEscapeString(fmt.Sprint(x))
}

// form is the key of the singular or of nothing, where the catalogue has one.
func form(catalogue map[string]string, key string, pairs []any) string {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i] != "n" {
			continue
		}
		special := map[string]string{"0": ".zero", "1": ".one"}[fmt.Sprint(pairs[i+1])]
		if _, ok := catalogue[key+special]; ok {
			return key + special
		}
	}
	return key
}

func braced(pairs []any, write func(any) string) []string {
	list := make([]string, 0, len(pairs))
	for i := 0; i+1 < len(pairs); i += 2 {
		list = append(list, fmt.Sprintf("{%v}", pairs[i]), write(pairs[i+1]))
	}
	return list
}
