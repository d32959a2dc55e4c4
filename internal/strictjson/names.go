package strictjson

import "slices"

// names are the names that one object has had so far.
type names struct {
	few   [32]string
	n     int                 // how many few holds
	many  map[string]struct{} // all of them, once few is full
	kinds uint64              // a bit for each kind of name in few
}

// add returns false if the name is among them already.
func (s *names) add(name string) bool {
	if s.n == len(s.few) {
		return s.addToMany(name)
	}
	kind := kindOf(name)
	if s.kinds&kind != 0 && slices.Contains(s.few[:s.n], name) {
		return false
	}
	s.kinds |= kind
	s.few[s.n] = name
	s.n++
	return true
}

// kindOf returns one bit of 64. Most of an object's names differ in it, and needn't be compared.
func kindOf(name string) uint64 {
	kind := uint(len(name))
	if kind > 0 {
		kind += 5*uint(name[0]) + 7*uint(name[len(name)/2]) + 11*uint(name[len(name)-1])
	}
	return 1 << (kind % 64)
}

func (s *names) addToMany(name string) bool {
	if s.many == nil {
		s.many = make(map[string]struct{}, 2*len(s.few))
		for _, name := range s.few {
			s.many[name] = struct{}{}
		}
	}
	before := len(s.many)
	s.many[name] = struct{}{}
	return len(s.many) > before
}
