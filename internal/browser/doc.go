// Package browser makes calls from a page in a real Chromium, with connect-web, to servers of each
// kind on another origin.
//
// The test needs chromium and npm, and runs if OIDCRPC_BROWSER=1.
package browser
