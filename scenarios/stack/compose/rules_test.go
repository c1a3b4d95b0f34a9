package compose_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"eventflow/scenarios/stack"
	"eventflow/toxiproxy/topology"
)

// subject is docker-compose.yml as one stack would run it.
type subject struct {
	*types.Project
	secrets stack.Secrets
	m       topology.Map
}

// The services beside the map, and what only some people start.
const (
	monitoring = "monitoring"
	loading    = "load"
	lab        = "lab"
)

// beside are the services that are on no map, with their profiles.
func beside() map[string]string {
	all := map[string]string{lab: loading, stack.Grafana: monitoring}
	for _, e := range stack.Exporters() {
		all[e.Name] = monitoring
	}
	return all
}

// every collects what a rule says of each service.
func every(s subject, rule func(types.ServiceConfig) error) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(s.Services)) {
		if err := rule(s.Services[name]); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// unless is nil if the condition holds.
func unless(holds bool, format string, args ...any) error {
	if holds {
		return nil
	}
	return fmt.Errorf(format, args...)
}

// same is nil if both are equal.
func same[T any](what string, got, want T) error {
	return unless(reflect.DeepEqual(got, want), "%s: %v, want %v", what, got, want)
}

// services: the map's, started by everybody, and those beside it.
func services(s subject) error {
	want := beside()
	for _, svc := range s.m.Services {
		want[string(svc.Name)] = ""
	}
	got := map[string]string{}
	for name, svc := range s.Services {
		got[name] = strings.Join(svc.Profiles, " ")
	}
	return same("services and their profiles", got, want)
}

var version = regexp.MustCompile(`:v?[0-9][0-9a-z.-]*$`)

// images: our own are built here, the others are pinned.
func images(s subject) error {
	return every(s, func(svc types.ServiceConfig) error {
		if strings.HasPrefix(svc.Image, "eventflow/") {
			return unless(svc.Build != nil && svc.Build.Context == s.WorkingDir && svc.Build.Args["VERSION"] != nil && strings.HasSuffix(svc.Image, ":"+*svc.Build.Args["VERSION"]),
				"image %s: built from this tree, under the version that is in it", svc.Image)
		}
		return unless(version.MatchString(svc.Image) && svc.Build == nil, "image %s names no version", svc.Image)
	})
}

// proxy is where a client calls a link.
func proxy(l topology.Link) string {
	return fmt.Sprintf("%s:%d", topology.Toxiproxy, topology.Block{Base: topology.DemoBase}.Link(l))
}

// environment: what a program is told is what the plan says, to the letter.
func environment(s subject) error {
	var errs []error
	for _, p := range stack.Programs() {
		listen := fmt.Sprintf("0.0.0.0:%d", port(s.m, p.Service))
		want := p.Environment(s.m, listen, proxy, s.secrets)
		got := told(s.Services[string(p.Service)])
		for _, name := range slices.Sorted(maps.Keys(merged(want, got))) {
			if got[name] != want[name] {
				errs = append(errs, fmt.Errorf("%s: %s=%q, the plan says %q", p.Service, name, got[name], want[name]))
			}
		}
		errs = append(errs, same(string(p.Service)+": command", command(s, p.Service), "/"+p.Binary))
	}
	return errors.Join(append(errs, every(s, func(svc types.ServiceConfig) error {
		_, set := svc.Environment["NEW_SYSTEM"]
		return unless(!set, "NEW_SYSTEM is for tests: a stack of people may have a past")
	}))...)
}

func command(s subject, n topology.Name) string {
	return strings.Join(s.Services[string(n)].Command, " ")
}

func merged(some ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, m := range some {
		maps.Copy(all, m)
	}
	return all
}

// told is a service's environment.
func told(svc types.ServiceConfig) map[string]string {
	env := map[string]string{}
	for name, value := range svc.Environment {
		if value != nil {
			env[name] = *value
		}
	}
	return env
}

func port(m topology.Map, n topology.Name) int { svc, _ := m.Service(n); return svc.Port }

func extra(m topology.Map, n topology.Name, listener string) int {
	svc, _ := m.Service(n)
	for _, p := range svc.Extra {
		if p.Name == listener {
			return p.Port
		}
	}
	return 0
}

// servers: what those are told that are not EventFlow's own.
func servers(s subject) error {
	listens := func(n int) string { return fmt.Sprintf("0.0.0.0:%d", n) }
	want := map[topology.Name]map[string]string{
		topology.Nginx: {"NGINX_LISTEN": listens(port(s.m, topology.Nginx)), "NGINX_STATUS_LISTEN": listens(extra(s.m, topology.Nginx, "status"))},
		topology.PostgresDB: merged(s.secrets.SQL(), map[string]string{
			"POSTGRES_PASSWORD": s.secrets.Postgres, "POSTGRES_DB": stack.Database}),
		topology.RedisDB:  {"REDISCLI_AUTH": s.secrets.Redis},
		topology.RabbitMQ: {"RABBITMQ_DEFAULT_USER": stack.RabbitUser, "RABBITMQ_DEFAULT_PASS": s.secrets.Rabbit},
	}
	for _, l := range s.m.LinksFrom(topology.Nginx) {
		want[topology.Nginx][l.Env()] = proxy(l)
	}
	var errs []error
	for n, env := range want {
		got := told(s.Services[string(n)])
		for name, value := range env {
			errs = append(errs, same(string(n)+": "+name, got[name], value))
		}
	}
	return errors.Join(errs...)
}

// behaviour: settings on which drills depend are those of every stack.
func behaviour(s subject) error {
	has := func(n topology.Name, text, setting string) error {
		return unless(strings.Contains(text, setting), "%s is not told %q", n, setting)
	}
	broker := told(s.Services[string(topology.RabbitMQ)])["RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"]
	redis := command(s, topology.RedisDB)
	errs := []error{
		has(topology.RabbitMQ, broker, fmt.Sprintf("-rabbit quorum_tick_interval %d ", stack.QueueTick.Milliseconds())),
		has(topology.RabbitMQ, broker, fmt.Sprintf("-rabbit vm_memory_high_watermark {absolute,%d} ", stack.BrokerMemory)),
		has(topology.RabbitMQ, broker, fmt.Sprintf("-rabbit disk_free_limit %d ", stack.BrokerDisk)),
		has(topology.RedisDB, redis, "requirepass $REDISCLI_AUTH"),
		has(topology.RedisDB, redis, "--appendonly yes --appendfsync everysec --save "),
		has(topology.PostgresDB, command(s, topology.PostgresDB), "-c max_connections=200"),
		same("rabbitmq: the host name that its data belong to", s.Services[string(topology.RabbitMQ)].Hostname, string(topology.RabbitMQ)),
	}
	limit := s.Services[string(topology.RabbitMQ)].MemLimit
	return errors.Join(append(errs, unless(limit > 5*stack.BrokerMemory/4, "rabbitmq: with %d bytes it is killed before it calls its memory full", limit))...)
}

// ports: what an observer needs, on loopback, where the map says; nothing else.
func ports(s subject) error {
	block := topology.Block{Base: topology.DemoBase, Public: true}
	want := map[string]bool{}
	publish := func(name string, outside, inside int) {
		want[fmt.Sprintf("%s 127.0.0.1:%d:%d/tcp", name, outside, inside)] = true
	}
	for _, svc := range s.m.Services {
		if svc.Name != topology.RabbitMQ { // nobody observes it by AMQP
			publish(string(svc.Name), block.Of(svc), svc.Port)
		}
		for _, p := range svc.Extra {
			if p.Name == "status" || p.Name == "management" { // the others are for Prometheus and for Erlang
				publish(string(svc.Name), block.Extra(svc, p.Name), p.Port)
			}
		}
	}
	for _, l := range s.m.Links {
		publish(string(topology.Toxiproxy), block.Link(l), block.Link(l))
	}
	publish(stack.Grafana, stack.GrafanaPort, stack.GrafanaPort)
	got := map[string]bool{}
	for name, svc := range s.Services {
		for _, p := range svc.Ports {
			got[fmt.Sprintf("%s %s:%s:%d/%s", name, p.HostIP, p.Published, p.Target, p.Protocol)] = true
		}
	}
	return same("published ports", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
}

// share are the networks that two services are both on.
func share(s subject, a, b string) []string {
	var both []string
	for n := range s.Services[a].Networks {
		if _, ok := s.Services[b].Networks[n]; ok {
			both = append(both, n)
		}
	}
	return both
}

// networks: no way round a proxy for those who have one, and a way to everybody
// for those who look on.
func networks(s subject) error {
	var errs []error
	apart := func(a, b string) {
		errs = append(errs, unless(len(share(s, a, b)) == 0, "%s reaches %s without a proxy, on %v", a, b, share(s, a, b)))
	}
	together := func(a, b string) {
		errs = append(errs, unless(len(share(s, a, b)) > 0, "%s and %s share no network", a, b))
	}
	for _, l := range s.m.Links {
		apart(string(l.From), string(l.To))
		together(string(l.From), string(topology.Toxiproxy))
		together(string(topology.Toxiproxy), string(l.To))
	}
	for _, svc := range s.m.Services {
		if svc.Name != topology.RedisDB && svc.Name != topology.PostgresDB && svc.Name != topology.Nginx {
			together(string(topology.Prometheus), string(svc.Name))
		}
		together(lab, string(svc.Name))
		if svc.Name != topology.Prometheus {
			apart(stack.Grafana, string(svc.Name))
		}
	}
	for _, e := range stack.Exporters() {
		together(e.Name, string(e.Of))
		together(e.Name, string(topology.Prometheus))
	}
	together(stack.Grafana, string(topology.Prometheus))
	return errors.Join(append(errs, every(s, func(svc types.ServiceConfig) error {
		_, common := svc.Networks["default"]
		return errors.Join(
			unless(!common && svc.NetworkMode == "" && len(svc.ExternalLinks)+len(svc.Links) == 0, "is on a network beside the four"),
			ownNames(s, svc))
	}))...)
}

// ownNames: an address that a service is told beside the engine's names is the
// proxies', on a network that both are on.
func ownNames(s subject, svc types.ServiceConfig) error {
	for host, addresses := range svc.ExtraHosts {
		for _, n := range share(s, svc.Name, string(topology.Toxiproxy)) {
			if host == string(topology.Toxiproxy) && reflect.DeepEqual(addresses, fixed(s.Services[host].Networks[n])) {
				return nil
			}
		}
		return fmt.Errorf("is told that %s is at %v, which is not the proxies'", host, addresses)
	}
	return nil
}

func fixed(n *types.ServiceNetworkConfig) []string {
	if n == nil {
		return nil
	}
	return n.LinkLocalIPs
}

// mounts: what a service reads of the source tree, and where. The shop's pages are
// in nginx's image.
func mounts(s subject) error {
	pages, err := os.ReadFile(filepath.Join(s.WorkingDir, "web", "Dockerfile"))
	root := told(s.Services[string(topology.Nginx)])["WEB_ROOT"]
	errs := []error{err, unless(strings.Contains(string(pages), " /web/dist/ "+root+"/\n"), "nginx looks for the shop's pages in %s, and its image has none there", root)}
	for n, files := range map[topology.Name]map[string]string{
		topology.Nginx: {
			"system/nginx/nginx.conf":              "/etc/nginx/nginx.conf",
			"system/nginx/eventflow.conf.template": "/etc/nginx/templates/eventflow.conf.template",
		},
		topology.PostgresDB: {"init.sql": "/docker-entrypoint-initdb.d/init.sql"},
		topology.Toxiproxy:  {"toxiproxy/toxiproxy.json": "/etc/toxiproxy/toxiproxy.json"},
		topology.Prometheus: {"grafana/prometheus.yml": "/etc/prometheus/prometheus.yml"},
		stack.Grafana:       {"grafana/provisioning": "/etc/grafana/provisioning", "grafana/dashboards": "/etc/grafana/dashboards"},
	} {
		got := map[string]string{}
		for _, v := range s.Services[string(n)].Volumes {
			if v.Type == types.VolumeTypeBind {
				inside, err := filepath.Rel(s.WorkingDir, v.Source)
				errs = append(errs, err)
				got[filepath.ToSlash(inside)] = v.Target
			}
		}
		errs = append(errs, same(string(n)+": mounts", got, files))
	}
	return errors.Join(errs...)
}

// proxies: the list that the proxy server reads is the map's.
func proxies(s subject) error {
	words := s.Services[string(topology.Toxiproxy)].Command
	at := slices.Index(words, "-config")
	if at < 0 || at+1 == len(words) {
		return errors.New("toxiproxy is given no list of links")
	}
	for _, v := range s.Services[string(topology.Toxiproxy)].Volumes {
		if v.Target != words[at+1] {
			continue
		}
		data, err := os.ReadFile(v.Source)
		if err != nil {
			return fmt.Errorf("read the list of links: %w", err)
		}
		var got []topology.ProxyConfig
		if err := json.Unmarshal(data, &got); err != nil {
			return fmt.Errorf("read the list of links: %w", err)
		}
		return same("links", got, s.m.Containers(topology.Block{Base: topology.DemoBase}))
	}
	return fmt.Errorf("toxiproxy reads its links from %s, which is not mounted", words[at+1])
}

// unasked are the services without a health check, each with its reason.
var unasked = map[string]string{
	lab:              "it serves nobody",
	"nginx-exporter": "its image holds nothing that could ask",
}

// health: each service is asked in its own protocol, often while somebody waits and
// seldom afterwards.
func health(s subject) error {
	return every(s, func(svc types.ServiceConfig) error {
		if unasked[svc.Name] != "" {
			return nil
		}
		h := svc.HealthCheck
		if h == nil || h.Disable || len(h.Test) < 2 || h.StartInterval == nil || h.StartPeriod == nil || h.Interval == nil || h.Timeout == nil {
			return errors.New("has no health check with all its times")
		}
		return errors.Join(
			unless(time.Duration(*h.StartInterval) <= time.Second, "is asked every %s while it starts", h.StartInterval),
			unless(time.Duration(*h.Interval) >= 10*time.Second, "a check every %s costs what a drill measures", h.Interval),
			unless(time.Duration(*h.Timeout) < time.Duration(*h.Interval), "a check takes longer than the pause between two"),
			unless(!isOneOf(svc.Image, shellless) || h.Test[0] == "CMD" && h.Test[len(h.Test)-1] == "health", "its image has no shell: %v", h.Test),
			unless(!strings.Contains(strings.Join(h.Test, " "), "localhost"), "localhost may be ::1, where nobody listens"),
		)
	})
}

// order: a client starts when what it needs is there, and is not started again with it.
func order(s subject) error {
	var errs []error
	for _, l := range s.m.Links {
		for _, to := range []topology.Name{l.To, topology.Toxiproxy} {
			d := s.Services[string(l.From)].DependsOn[string(to)]
			errs = append(errs, same(fmt.Sprintf("%s waits for %s", l.From, to), d.Condition, types.ServiceConditionHealthy))
		}
	}
	return errors.Join(append(errs, every(s, func(svc types.ServiceConfig) error {
		for to, d := range svc.DependsOn {
			if d.Restart || !d.Required {
				return fmt.Errorf("is restarted together with %s, or does not need it", to)
			}
		}
		return nil
	}))...)
}

// restarts: nobody brings back what a drill has killed.
func restarts(s subject) error {
	return every(s, func(svc types.ServiceConfig) error {
		return unless(svc.Restart == "on-failure:5" || svc.Name == lab && svc.Restart == "no", "restart: %q", svc.Restart)
	})
}

// limits: one service cannot take the machine from the others, nor fill its disk.
func limits(s subject) error {
	return every(s, func(svc types.ServiceConfig) error {
		return errors.Join(
			unless(svc.MemLimit > 0 && svc.CPUS > 0 && svc.CPUS <= 2 && svc.PidsLimit > 0, "memory %d, processors %g, processes %d", svc.MemLimit, svc.CPUS, svc.PidsLimit),
			unless(svc.Logging != nil && svc.Logging.Driver == "json-file" && svc.Logging.Options["max-size"] != "" && svc.Logging.Options["max-file"] != "", "its log grows without end"),
			unless(svc.Ulimits["nofile"] != nil && svc.Ulimits["nofile"].Single >= 10_000, "too few files for its connections"),
		)
	})
}

// graces: a program may finish what it has in hand.
func graces(s subject) error {
	var errs []error
	for _, p := range stack.Programs() {
		grace := s.Services[string(p.Service)].StopGracePeriod
		errs = append(errs, unless(grace != nil && time.Duration(*grace) > 10*time.Second, "%s is killed before its DRAIN_TIMEOUT of 10 s", p.Service))
	}
	return errors.Join(errs...)
}

// shellless are the images that hold one program and nothing else.
var shellless = []string{"eventflow/system:", "eventflow/toxiproxy:", "eventflow/lab:"}

func isOneOf(image string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(image, prefix) })
}

// rootless are the images that start as somebody else than root by themselves.
var rootless = []string{"eventflow/system:", "eventflow/toxiproxy:", "eventflow/lab:", "prom/prometheus:", "grafana/grafana:", "quay.io/prometheuscommunity/", "oliver006/redis_exporter:", "nginx/nginx-prometheus-exporter:"}

// confinement: whoever takes over a service has a read-only file system, no rights
// and no way to the engine.
func confinement(s subject) error {
	return every(s, func(svc types.ServiceConfig) error {
		user, _, _ := strings.Cut(svc.User, ":")
		errs := []error{
			unless(svc.ReadOnly, "may write into its image's files"),
			same("cap_drop", svc.CapDrop, []string{"ALL"}),
			same("cap_add", len(svc.CapAdd), 0),
			unless(slices.Contains(svc.SecurityOpt, "no-new-privileges:true") && len(svc.SecurityOpt) == 1, "security_opt: %v", svc.SecurityOpt),
			unless(!svc.Privileged && svc.Pid == "" && svc.Ipc == "" && svc.Uts == "" && svc.UserNSMode == "" && svc.Cgroup == "", "shares what is the host's"),
			unless(len(svc.Devices)+len(svc.DeviceCgroupRules)+len(svc.GroupAdd)+len(svc.Gpus) == 0, "has devices or groups of the host"),
			unless(user != "root" && user != "0" && (user != "" || isOneOf(svc.Image, rootless)), "runs as root"),
		}
		for _, v := range svc.Volumes {
			errs = append(errs, volume(s, v))
		}
		return errors.Join(errs...)
	})
}

func volume(s subject, v types.ServiceVolumeConfig) error {
	if v.Type == types.VolumeTypeVolume {
		_, named := s.Volumes[v.Source]
		return unless(named, "the volume at %s has no name", v.Target)
	}
	inside, err := filepath.Rel(s.WorkingDir, v.Source)
	return errors.Join(err,
		unless(v.Type == types.VolumeTypeBind && v.ReadOnly, "may write into %s of the host", v.Source),
		unless(filepath.IsLocal(inside) && inside != ".", "sees %s, outside the source tree or all of it", v.Source),
	)
}

// data: what has to outlive `down` is in a volume.
func data(s subject) error {
	var errs []error
	for n, target := range map[topology.Name]string{
		topology.PostgresDB: "/var/lib/postgresql/data", topology.RedisDB: "/data", topology.RabbitMQ: "/var/lib/rabbitmq", topology.Prometheus: "/prometheus",
	} {
		errs = append(errs, unless(slices.ContainsFunc(s.Services[string(n)].Volumes, func(v types.ServiceVolumeConfig) bool {
			return v.Type == types.VolumeTypeVolume && path.Clean(v.Target) == target && v.Source == string(n)
		}), "%s does not keep %s", n, target))
	}
	return errors.Join(errs...)
}

// secret is a name of what nobody else may know.
var secret = regexp.MustCompile(`PASS|PASSWORD|SECRET|AUTH$|PRIVATE|_KEY`)

// hidden: no secret is written down. What looks like one is one of this stack's;
// and no other value holds the file's own.
func hidden(s subject) error {
	own := slices.Collect(maps.Values(s.secrets.Compose()))
	return every(s, func(svc types.ServiceConfig) error {
		var errs []error
		for name, value := range told(svc) {
			errs = append(errs,
				unless(!secret.MatchString(name) || slices.Contains(own, value), "%s is written down", name),
				unless(!strings.Contains(value, "local-lab-only") && !strings.Contains(value, localPrivate), "%s is not taken from the environment", name))
		}
		said := strings.Join(slices.Concat(svc.Command, svc.Entrypoint), " ")
		for _, value := range own {
			errs = append(errs, unless(!strings.Contains(said, value), "every user of the machine can read a secret in its command"))
		}
		return errors.Join(errs...)
	})
}

var localPrivate = stack.LocalSecrets().Compose()["EVENTFLOW_AUTH_PRIVATE_KEY"]

// observers: the lab and the exporters know how to get at what they look at.
func observers(s subject) error {
	env := func(service string) map[string]string { return told(s.Services[service]) }
	addr := func(n topology.Name) string { return fmt.Sprintf("%s:%d", n, port(s.m, n)) }
	observe := fmt.Sprintf("postgres://postgres:%s@%s/%s?sslmode=disable", s.secrets.Postgres, addr(topology.PostgresDB), stack.Database)
	var programs []string
	for _, p := range stack.Programs() {
		programs = append(programs, fmt.Sprintf("%s=http://%s", p.Service, addr(p.Service)))
	}
	return errors.Join(
		same("lab", env(lab), map[string]string{
			"LAB_SHOP": "http://" + addr(topology.Nginx), "LAB_TOXIPROXY": "http://" + addr(topology.Toxiproxy), "LAB_PROMETHEUS": "http://" + addr(topology.Prometheus),
			"LAB_OBSERVER": observe, "LAB_REDIS": fmt.Sprintf("redis://:%s@%s", s.secrets.Redis, addr(topology.RedisDB)),
			"LAB_RABBIT": fmt.Sprintf("http://%s:%s@%s:%d", stack.RabbitUser, s.secrets.Rabbit, topology.RabbitMQ, extra(s.m, topology.RabbitMQ, "management")),
			"LAB_HEALTH": strings.Join(programs, ","),
		}),
		unless(strings.HasPrefix(env("postgres-exporter")["DATA_SOURCE_URI"], addr(topology.PostgresDB)+"/"+stack.Database+"?"), "postgres-exporter asks somebody else"),
		unless(strings.Contains(env("postgres-exporter")["DATA_SOURCE_URI"], "application_name=eventflow-observer"), "the lab would take postgres-exporter for a way round the proxies"),
		same("redis-exporter asks", env("redis-exporter")["REDIS_ADDR"], "redis://"+addr(topology.RedisDB)),
		same("nginx-exporter asks", strings.Join(s.Services["nginx-exporter"].Command, " "),
			"--nginx.scrape-uri=http://nginx:"+strconv.Itoa(extra(s.m, topology.Nginx, "status"))+"/stub_status"),
		unless(slices.Contains(s.Services["toxiproxy"].Command, string(topology.Toxiproxy)), "toxiproxy is not told the name by which Prometheus calls it"),
	)
}
