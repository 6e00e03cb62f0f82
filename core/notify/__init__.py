"""Mail and Teams: how a notice leaves the house. One channel a file; all of them fulfil `core.domain.notice.Channel`."""
