package docker

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"

	"eventflow/scenarios/stack/block"
	"eventflow/toxiproxy/topology"
)

// contents is what the engine is told of one service.
type contents struct {
	config    container.Config
	host      container.HostConfig
	endpoints map[string]*network.EndpointSettings
}

// translator turns the file's words into the engine's. What it has understood it
// takes out of its copy of a service; what is left is an error.
type translator struct {
	project string         // in front of networks' and volumes' names
	ports   map[string]int // what the file publishes -> where this stack does
	errs    []error
}

// translate says everything that the file says of a service, or fails.
//
// Left out on purpose: restart (the laboratory starts what it has killed, and reports
// what ends by itself), build and pull_policy (the images are there by now), profiles
// and x- fields (they say nothing to the engine), container_name.
func translate(svc types.ServiceConfig, project string, ports map[string]int) (contents, error) {
	t := translator{project: project, ports: ports}
	rest := svc
	rest.Name, rest.Image, rest.Extensions = "", "", nil
	rest.Restart, rest.Build, rest.PullPolicy, rest.Profiles, rest.ContainerName = "", nil, "", nil, ""
	rest.DependsOn = nil // up waits for them
	c := contents{
		config:    t.config(&rest),
		host:      t.host(&rest),
		endpoints: t.networks(svc.Name, &rest),
	}
	c.config.Image = svc.Image
	c.config.ExposedPorts, c.host.PortBindings = t.publish(&rest)
	if names := svc.NetworksByPriority(); len(names) > 0 {
		c.host.NetworkMode = container.NetworkMode(t.own(names[0]))
	}
	for name, need := range svc.DependsOn {
		if need.Condition != types.ServiceConditionHealthy && need.Condition != types.ServiceConditionStarted {
			t.fail("depends_on %s: condition %s is not understood", name, need.Condition)
		}
		need.Condition, need.Required = "", false
		t.left("depends_on "+name, need)
	}
	t.left("", rest)
	return c, errors.Join(t.errs...)
}

// own is the name that a network or volume of the file has in the engine.
func (t *translator) own(name string) string { return t.project + "_" + name }

func (t *translator) fail(format string, args ...any) {
	t.errs = append(t.errs, fmt.Errorf(format, args...))
}

// left reports every field that was not understood, by the name that it has in the
// file.
func (t *translator) left(where string, rest any) {
	for _, name := range leftover(reflect.ValueOf(rest)) {
		t.fail("%s is not understood", strings.TrimSpace(where+" "+name))
	}
}

// leftover are the names of the fields that are not zero.
func leftover(v reflect.Value) []string {
	var names []string
	for i := range v.NumField() {
		field, kind := v.Field(i), v.Type().Field(i)
		switch {
		case kind.Name == "Extensions" || field.IsZero() || field.Kind() == reflect.Map && field.Len() == 0 || field.Kind() == reflect.Slice && field.Len() == 0:
		case kind.Anonymous:
			names = append(names, leftover(field)...)
		default:
			name, _, _ := strings.Cut(kind.Tag.Get("yaml"), ",")
			names = append(names, name)
		}
	}
	return names
}

// take returns what stands in the field and empties it.
func take[T any](field *T) T {
	value := *field
	*field = *new(T)
	return value
}

func (t *translator) config(rest *types.ServiceConfig) container.Config {
	c := container.Config{
		Hostname: take(&rest.Hostname), User: take(&rest.User), WorkingDir: take(&rest.WorkingDir),
		Entrypoint: take(&rest.Entrypoint), Cmd: take(&rest.Command),
		Env: t.environment(take(&rest.Environment)), Healthcheck: t.health(take(&rest.HealthCheck)),
		StopSignal: take(&rest.StopSignal), Labels: map[string]string{},
	}
	for name, value := range take(&rest.Labels) {
		c.Labels[name] = value
	}
	if period := take(&rest.StopGracePeriod); period != nil {
		seconds := int(time.Duration(*period).Seconds())
		c.StopTimeout = &seconds
	}
	return c
}

func (t *translator) environment(all types.MappingWithEquals) []string {
	var env []string
	for name, value := range all {
		if value == nil {
			t.fail("environment %s has no value", name)
			continue
		}
		env = append(env, name+"="+*value)
	}
	slices.Sort(env)
	return env
}

func (t *translator) health(check *types.HealthCheckConfig) *container.HealthConfig {
	if check == nil {
		return nil
	}
	rest := *check
	h := &container.HealthConfig{
		Test: take(&rest.Test), Interval: duration(take(&rest.Interval)), Timeout: duration(take(&rest.Timeout)),
		StartPeriod: duration(take(&rest.StartPeriod)), StartInterval: duration(take(&rest.StartInterval)),
	}
	if retries := take(&rest.Retries); retries != nil {
		h.Retries = int(*retries)
	}
	t.left("healthcheck", rest)
	return h
}

func duration(d *types.Duration) time.Duration {
	if d == nil {
		return 0
	}
	return time.Duration(*d)
}

func (t *translator) host(rest *types.ServiceConfig) container.HostConfig {
	h := container.HostConfig{
		ReadonlyRootfs: take(&rest.ReadOnly), CapAdd: take(&rest.CapAdd), CapDrop: take(&rest.CapDrop),
		SecurityOpt: t.security(take(&rest.SecurityOpt)), ShmSize: int64(take(&rest.ShmSize)), Init: take(&rest.Init),
		GroupAdd: take(&rest.GroupAdd), LogConfig: t.logging(take(&rest.Logging)),
		Mounts: t.mounts(take(&rest.Volumes)), Tmpfs: tmpfs(take(&rest.Tmpfs)),
		ExtraHosts:    take(&rest.ExtraHosts).AsList(":"),
		RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyDisabled},
	}
	h.Resources = container.Resources{
		Memory: int64(take(&rest.MemLimit)), MemoryReservation: int64(take(&rest.MemReservation)), MemorySwap: int64(take(&rest.MemSwapLimit)),
		NanoCPUs: int64(float64(take(&rest.CPUS)) * 1e9), CPUShares: take(&rest.CPUShares), CpusetCpus: take(&rest.CPUSet),
		Ulimits: ulimits(take(&rest.Ulimits)),
	}
	if pids := take(&rest.PidsLimit); pids != 0 {
		h.Resources.PidsLimit = &pids
	}
	if deploy := take(&rest.Deploy); deploy != nil {
		t.left("deploy", *deploy)
	}
	return h
}

// security passes on what needs no file of this machine to be read for it.
func (t *translator) security(options []string) []string {
	for _, o := range options {
		if !strings.HasPrefix(o, "no-new-privileges") && !strings.HasSuffix(o, "unconfined") {
			t.fail("security_opt %s is not understood", o)
		}
	}
	return options
}

func (t *translator) logging(l *types.LoggingConfig) container.LogConfig {
	if l == nil {
		return container.LogConfig{}
	}
	rest := *l
	config := container.LogConfig{Type: take(&rest.Driver), Config: take(&rest.Options)}
	t.left("logging", rest)
	return config
}

func ulimits(all map[string]*types.UlimitsConfig) []*container.Ulimit {
	var limits []*container.Ulimit
	for name, l := range all {
		soft, hard := int64(l.Soft), int64(l.Hard)
		if l.Single != 0 {
			soft, hard = int64(l.Single), int64(l.Single)
		}
		limits = append(limits, &container.Ulimit{Name: name, Soft: soft, Hard: hard})
	}
	return limits
}

// tmpfs splits "path:options".
func tmpfs(all []string) map[string]string {
	mounts := map[string]string{}
	for _, one := range all {
		path, options, _ := strings.Cut(one, ":")
		mounts[path] = options
	}
	return mounts
}

func (t *translator) mounts(volumes []types.ServiceVolumeConfig) []mount.Mount {
	var all []mount.Mount
	for _, v := range volumes {
		rest := v
		m := mount.Mount{Type: mount.Type(take(&rest.Type)), Source: take(&rest.Source), Target: take(&rest.Target), ReadOnly: take(&rest.ReadOnly)}
		switch m.Type {
		case mount.TypeVolume:
			m.Source = t.own(m.Source)
			if options := take(&rest.Volume); options != nil {
				t.left("volume "+m.Target, *options)
			}
		case mount.TypeBind:
			if options := take(&rest.Bind); options != nil {
				left := *options
				left.CreateHostPath = false // a missing file is an error here, and never made
				t.left("volume "+m.Target, left)
			}
		case mount.TypeTmpfs:
			if options := take(&rest.Tmpfs); options != nil {
				left := *options
				m.TmpfsOptions = &mount.TmpfsOptions{SizeBytes: int64(take(&left.Size))}
				t.left("volume "+m.Target, left)
			}
		default:
			t.fail("volume %s of type %s is not understood", m.Target, m.Type)
		}
		t.left("volume "+m.Target, rest)
		all = append(all, m)
	}
	return all
}

// networks joins the service's networks under its own name.
func (t *translator) networks(service string, rest *types.ServiceConfig) map[string]*network.EndpointSettings {
	endpoints := map[string]*network.EndpointSettings{}
	for name, config := range take(&rest.Networks) {
		e := &network.EndpointSettings{Aliases: []string{service}}
		if config != nil {
			left := *config
			e.Aliases = append(e.Aliases, take(&left.Aliases)...)
			t.fixed(e, &left)
			left.Priority = 0 // see NetworksByPriority
			t.left("network "+name, left)
		}
		endpoints[t.own(name)] = e
	}
	return endpoints
}

// fixed are the addresses that the service keeps in this network, whoever starts
// first.
func (t *translator) fixed(e *network.EndpointSettings, rest *types.ServiceNetworkConfig) {
	for _, address := range take(&rest.LinkLocalIPs) {
		ip, err := netip.ParseAddr(address)
		if err != nil {
			t.fail("link_local_ips %s: %w", address, err)
			continue
		}
		if e.IPAMConfig == nil {
			e.IPAMConfig = &network.EndpointIPAMConfig{}
		}
		e.IPAMConfig.LinkLocalIPs = append(e.IPAMConfig.LinkLocalIPs, ip)
	}
	if card := take(&rest.MacAddress); card != "" {
		if err := e.MacAddress.UnmarshalText([]byte(card)); err != nil {
			t.fail("mac_address %s: %w", card, err)
		}
	}
}

// publish moves published ports to this stack's block, on loopback.
func (t *translator) publish(rest *types.ServiceConfig) (network.PortSet, network.PortMap) {
	exposed, bound := network.PortSet{}, network.PortMap{}
	for _, p := range take(&rest.Ports) {
		left := p
		left.HostIP, left.Mode, left.Name = "", "", ""
		target, ok := network.PortFrom(uint16(take(&left.Target)), network.IPProtocol(take(&left.Protocol)))
		here, known := t.ports[take(&left.Published)]
		if !ok || !known {
			t.fail("port %s:%d is on no map", p.Published, p.Target)
		}
		t.left("port "+p.Published, left)
		exposed[target] = struct{}{}
		bound[target] = append(bound[target], binding(here))
	}
	for _, p := range take(&rest.Expose) {
		if port, err := network.ParsePort(p); err == nil {
			exposed[port] = struct{}{}
		} else {
			t.fail("expose %s: %w", p, err)
		}
	}
	return exposed, bound
}

func binding(port int) network.PortBinding {
	return network.PortBinding{HostIP: netip.MustParseAddr(block.Host), HostPort: strconv.Itoa(port)}
}

// moved maps every port that the file may publish to its place in the block.
func moved(m topology.Map, to topology.Block) map[string]int {
	ports := map[string]int{}
	for _, svc := range m.Services {
		ports[strconv.Itoa(inside.Of(svc))] = to.Of(svc)
		for _, extra := range svc.Extra {
			ports[strconv.Itoa(inside.Extra(svc, extra.Name))] = to.Extra(svc, extra.Name)
		}
	}
	for _, l := range m.Links {
		ports[strconv.Itoa(inside.Link(l))] = to.Link(l)
	}
	return ports
}

// network is what the engine is told of a network.
func (t *translator) network(name string, config types.NetworkConfig) testcontainers.NetworkRequest {
	rest := config
	rest.Name, rest.Extensions = "", nil
	want := testcontainers.NetworkRequest{
		Name: t.own(name), Driver: cmp.Or(take(&rest.Driver), "bridge"), Internal: take(&rest.Internal),
		Attachable: take(&rest.Attachable), EnableIPv6: take(&rest.EnableIPv6), Labels: take(&rest.Labels),
	}
	t.left("network "+name, rest)
	return want
}

// volume is what the engine is told of a volume.
func (t *translator) volume(name string, config types.VolumeConfig) client.VolumeCreateOptions {
	rest := config
	rest.Name, rest.Extensions = "", nil
	options := client.VolumeCreateOptions{
		Name: t.own(name), Driver: take(&rest.Driver), DriverOpts: take(&rest.DriverOpts), Labels: take(&rest.Labels),
	}
	t.left("volume "+name, rest)
	return options
}
