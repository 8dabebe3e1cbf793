package ec2

import "cloister/internal/door"

// Register puts the service's operations behind d.
func (s *Service) Register(d *door.Door) {
	s.door = d
	s.registerVPCs()
	s.registerSubnets()
	s.registerRoutes()
	s.registerGateways()
	s.registerGroups()
	s.registerACLs()
	s.registerPrefixLists()
	s.registerIfaces()
	s.registerFlowLogs()
	s.registerTags()
	s.registerRegions()
}
