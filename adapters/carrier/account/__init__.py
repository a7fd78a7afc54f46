"""The parts of the account channel: WeChat's callbacks, the settings page, the carrier's app; one instruction each."""
