// Package house holds the packages to a rule that the compiler doesn't know: no files of a
// package stand in a circle, so that each can be understood after the ones it uses.
package house
