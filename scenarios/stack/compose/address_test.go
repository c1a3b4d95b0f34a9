package compose_test

import (
	"net"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestNginxFindsItsProxiesWhoeverStartsFirst: nginx looks its proxies' name up once,
// when it starts. It is told an address that the proxies keep, card and all, and is
// given a way to it.
func TestNginxFindsItsProxiesWhoeverStartsFirst(t *testing.T) {
	p := load(t, nil)
	proxies, nginx := p.Services["toxiproxy"].Networks["edge"], p.Services["nginx"].Networks["edge"]
	require.NotNil(t, proxies)
	require.NotNil(t, nginx)
	assert.Equal(t, proxies.LinkLocalIPs, p.Services["nginx"].ExtraHosts["toxiproxy"])
	require.Len(t, proxies.LinkLocalIPs, 1)
	require.Len(t, nginx.LinkLocalIPs, 1)
	assert.NotEqual(t, proxies.LinkLocalIPs, nginx.LinkLocalIPs)
	for _, address := range append(proxies.LinkLocalIPs, nginx.LinkLocalIPs...) {
		assert.True(t, net.ParseIP(address).IsLinkLocalUnicast(), address)
	}
	card, err := net.ParseMAC(proxies.MacAddress)
	require.NoError(t, err)
	assert.EqualValues(t, 2, card[0]&3, "one for one host, and nobody's product")
}

// TestTheExporterSaysThatItIsAnObserver: its connection to the database goes round the
// proxies, and is open as long as it runs. A drill that looks for such connections
// leaves out who has this name.
func TestTheExporterSaysThatItIsAnObserver(t *testing.T) {
	source := load(t, nil).Services["postgres-exporter"].Environment["DATA_SOURCE_URI"]
	require.NotNil(t, source)
	uri, err := url.Parse("postgres://" + *source)
	require.NoError(t, err)
	assert.Regexp(t, "^eventflow-observer", uri.Query().Get("application_name"))
}
