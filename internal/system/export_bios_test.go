package system

// SyncBIOS shows what a sync calls before and after its steps.
var SyncBIOS = syncBIOS
