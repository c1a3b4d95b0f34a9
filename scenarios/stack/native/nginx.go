package native

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"eventflow/scenarios/stack/change"
	"eventflow/scenarios/stack/probe"
	"eventflow/toxiproxy/topology"
)

// nginx is the edge. Its readiness is asked of the status listener: a request to
// the shop before the nodes are up would make nginx call them dead.
func (s *Stack) nginx(source string) unit {
	dir := s.path("nginx")
	return unit{
		name:    topology.Nginx,
		prepare: func(context.Context) error { return s.prepareNginx(dir, source) },
		command: func() command {
			// -e keeps nginx from opening the system's error log before it has
			// read the configuration.
			return command{path: s.tools.nginx, dir: dir, args: []string{"-p", dir, "-c", filepath.Join(dir, "nginx.conf"), "-e", "stderr", "-g", s.nginxMode()}}
		},
		ready: func(ctx context.Context) error {
			return probe.HTTP(ctx, "http://"+s.addr(topology.Nginx, "status")+"/stub_status")
		},
	}
}

// nginxMode: where a child's tree does not die with it, nginx must be a single
// process. Workers of a killed master would go on serving.
func (s *Stack) nginxMode() string {
	mode := "daemon off;"
	if !s.launch.isolate {
		mode += " master_process off;"
	}
	if os.Geteuid() == 0 { // or the workers run as nobody and may not read the shop's files
		mode += " user root;"
		if runtime.GOOS == "darwin" {
			mode = strings.Replace(mode, "user root", "user root wheel", 1)
		}
	}
	return mode
}

func (s *Stack) prepareNginx(dir, source string) error {
	if err := os.MkdirAll(filepath.Join(dir, "tmp"), 0o700); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	site, err := os.ReadFile(s.tree.Path(change.SiteTemplate))
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	text, err := expand(string(site), s.nginxNames(source))
	if err != nil {
		return fmt.Errorf("%s: %w", change.SiteTemplate, err)
	}
	files := map[string]string{"nginx.conf": nginxMain, "site.conf": text}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}

// nginxNames is what the site's template may name: every link's address, and
// where nginx itself listens and finds the shop's files.
func (s *Stack) nginxNames(source string) map[string]string {
	names := map[string]string{
		"NGINX_LISTEN":        s.addr(topology.Nginx),
		"NGINX_STATUS_LISTEN": s.addr(topology.Nginx, "status"),
		"WEB_ROOT":            webRoot(source),
	}
	for _, l := range s.topo.LinksFrom(topology.Nginx) {
		names[l.Env()] = s.linkAddr(l)
	}
	return names
}

// webRoot is the shop's pages as `make web` has built them. Where nobody has, a
// page says so: without Node there is still a stack, and its API.
func webRoot(source string) string {
	built := filepath.Join(source, "web", "dist")
	if _, err := os.Stat(filepath.Join(built, "index.html")); err == nil {
		return built
	}
	return filepath.Join(source, "web", "unbuilt")
}

// inBraces finds ${NAME} and nothing else: $name is nginx's own.
var inBraces = regexp.MustCompile(`\$\{([A-Z0-9_]+)\}`)

// expand replaces every ${NAME}; one that nobody knows is a mistake.
func expand(text string, names map[string]string) (string, error) {
	var unknown []error
	text = inBraces.ReplaceAllStringFunc(text, func(found string) string {
		value, ok := names[found[2:len(found)-1]]
		if !ok {
			unknown = append(unknown, fmt.Errorf("nothing is called %s", found))
		}
		return value
	})
	return text, errors.Join(unknown...)
}

// nginxMain is everything outside the site: where files go and how many
// connections there may be.
const nginxMain = `worker_processes 2;
pid nginx.pid;
error_log stderr warn;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 1000000;
  client_body_temp_path tmp/body;
  proxy_temp_path tmp/proxy;
  fastcgi_temp_path tmp/fastcgi;
  uwsgi_temp_path tmp/uwsgi;
  scgi_temp_path tmp/scgi;
  types {
    text/html html; text/css css; text/javascript js mjs; application/json json; image/svg+xml svg;
    image/png png; image/webp webp; image/x-icon ico; font/woff2 woff2; application/manifest+json webmanifest; text/plain txt;
  }
  default_type application/octet-stream;
  include site.conf;
}
`
