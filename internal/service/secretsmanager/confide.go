package secretsmanager

import (
	"encoding/json"
	"slices"

	"cloister/internal/door"
)

// harmless are the members of a database's secret that are none
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html).
var harmless = []string{"engine", "host", "username", "dbname", "dbInstanceIdentifier", "dbClusterIdentifier", "masterarn"}

// confide keeps a value out of the log of a function that gets it; of a JSON
// object its members too, which a program takes out of it.
func confide(c *door.Call, text []byte) {
	if !c.Confides() {
		return
	}
	c.Confide(text)
	var object map[string]any
	if json.Unmarshal(text, &object) != nil {
		return
	}
	for name, v := range object {
		if s, ok := v.(string); ok && !slices.Contains(harmless, name) {
			c.Confide([]byte(s))
		}
	}
}
