package proxy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Collection is all proxies of a server, by name.
type Collection struct {
	changing sync.Mutex // held by whoever adds or removes

	mu      sync.RWMutex // never held while anything can wait
	proxies map[string]*Proxy
}

// NewCollection is empty.
func NewCollection() *Collection { return &Collection{proxies: map[string]*Proxy{}} }

// maxProxies bounds the collection.
const maxProxies = 1000

// Get is the proxy of that name, or ErrNotFound.
func (c *Collection) Get(name string) (*Proxy, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	p, ok := c.proxies[name]
	if !ok {
		return nil, ErrNotFound
	}
	return p, nil
}

// All are the proxies, sorted by name.
func (c *Collection) All() []*Proxy {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return slices.SortedFunc(maps.Values(c.proxies), func(a, b *Proxy) int { return strings.Compare(a.name, b.name) })
}

// Add takes a new proxy in and starts it if it is to be enabled. A proxy that
// cannot start is not taken in.
func (c *Collection) Add(p *Proxy, enabled bool) error {
	c.changing.Lock()
	defer c.changing.Unlock()
	if _, err := c.Get(p.name); err == nil {
		return ErrExists
	}
	return c.add(p, enabled)
}

func (c *Collection) add(p *Proxy, enabled bool) error {
	if len(c.All()) >= maxProxies {
		return fmt.Errorf("%w proxies: at most %d", ErrTooMany, maxProxies)
	}
	if err := p.SetEnabled("", enabled); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.proxies[p.name] = p
	return nil
}

// Ensure takes the proxy in, unless one of that name is there already that
// listens and leads where this one would: that one stays as it is. It returns the
// proxy that is there now.
func (c *Collection) Ensure(p *Proxy, enabled bool) (*Proxy, error) {
	c.changing.Lock()
	defer c.changing.Unlock()
	old, err := c.Get(p.name)
	if err != nil {
		return p, c.add(p, enabled)
	}
	differs, err := old.Differs(p.listen, p.upstream)
	if err != nil || !differs {
		return old, err
	}
	c.drop(old)
	return p, c.add(p, enabled)
}

// Remove stops the proxy and forgets it, with all that was done to it.
func (c *Collection) Remove(name string) error {
	c.changing.Lock()
	defer c.changing.Unlock()
	p, err := c.Get(name)
	if err != nil {
		return err
	}
	c.drop(p)
	return nil
}

func (c *Collection) drop(p *Proxy) {
	_ = p.SetEnabled("", false) // only starting can fail
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.proxies, p.name)
}
