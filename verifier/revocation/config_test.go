package revocation_test

import (
	"strings"
	"testing"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier/revocation"
)

func TestNewNamesTheFieldAtFault(t *testing.T) {
	bus := newBus()
	withBus := func(change func(*revocation.Config)) revocation.Config {
		config := revocation.Config{Bus: bus, Stale: revocation.Refuse}
		change(&config)
		return config
	}
	for name, test := range map[string]struct {
		config revocation.Config
		field  string
	}{
		"negative entries":      {revocation.Config{MaxEntries: -1}, "Config.MaxEntries"},
		"too many entries":      {revocation.Config{MaxEntries: 10_000_001}, "Config.MaxEntries"},
		"a bare number to keep": {revocation.Config{Keep: 24}, "Config.Keep is 24ns"},
		"negative to keep":      {revocation.Config{Keep: -1}, "Config.Keep"},
		"too short to keep":     {revocation.Config{Keep: time.Minute - 1}, "Config.Keep"},
		"too long to keep":      {revocation.Config{Keep: 366*24*time.Hour + 1}, "Config.Keep"},
		"nothing to be stale":   {revocation.Config{Stale: revocation.Admit}, "Config.Stale"},
		"nothing to be stale for so long": {
			revocation.Config{MaxStaleness: time.Minute}, "Config.MaxStaleness",
		},
		"a bus, and no choice": {revocation.Config{Bus: bus}, "Config.Stale"},
		"an unknown choice":    {withBus(func(c *revocation.Config) { c.Stale = 3 }), "Config.Stale"},
		"a bare number of staleness": {
			withBus(func(c *revocation.Config) { c.MaxStaleness = 30 }), "Config.MaxStaleness is 30ns",
		},
		"negative staleness":  {withBus(func(c *revocation.Config) { c.MaxStaleness = -1 }), "Config.MaxStaleness"},
		"too short staleness": {withBus(func(c *revocation.Config) { c.MaxStaleness = 5*time.Second - 1 }), "Config.MaxStaleness"},
		"too long staleness":  {withBus(func(c *revocation.Config) { c.MaxStaleness = 24*time.Hour + 1 }), "Config.MaxStaleness"},
	} {
		if _, err := revocation.New(test.config); err == nil || !strings.HasPrefix(err.Error(), "revocation: "+test.field) {
			t.Errorf("%s: New returned %v, want an error about %s", name, err, test.field)
		}
	}
}

func TestNewTakesEveryLimit(t *testing.T) {
	for name, config := range map[string]revocation.Config{
		"the least": {
			MaxEntries: 1, Keep: time.Minute, Bus: newBus(), Stale: revocation.Admit, MaxStaleness: 5 * time.Second,
		},
		"the most": {
			MaxEntries: 10_000_000, Keep: 366 * 24 * time.Hour, Bus: newBus(), Stale: revocation.Refuse,
			MaxStaleness: 24 * time.Hour,
		},
	} {
		if _, err := revocation.New(config); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
