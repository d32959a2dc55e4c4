package revocation

import (
	"testing"
	"time"
)

// Whatever counts as an event is written and read as the same one, and makes at most two entries.
func FuzzDecode(f *testing.F) {
	for _, event := range []Event{
		{TokenID: "t1"}, {SessionID: "s1"}, {SessionID: "s1", Subject: "alice"}, {Subject: "alice"}, {ClientID: "web"},
		{Subject: "\u2028\"\\\x00"},
	} {
		event.Issuer = "https://issuer.test/"
		event.IssuedBefore = time.Unix(1e9, 0)
		data, err := encode(event, time.Unix(1e9, 0))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"v":1,"at":1e9,"iss":"i","sub":"\ud83d\ude00","before":0}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := New(Config{Keep: maxKeep})
		if err != nil {
			t.Fatal(err)
		}
		list.receive([][]byte{data})
		if got := list.Status(); got.Entries+got.Unreadable > 2 {
			t.Errorf("an event made %+v", got)
		}
		event, at, err := decode(data)
		if err != nil || validateReceived(event, at, time.Now()) != nil {
			return
		}
		written, err := encode(event, at)
		if err != nil {
			t.Fatalf("%+v can't be written: %v", event, err)
		}
		again, atAgain, err := decode(written)
		if err != nil || again != event || !atAgain.Equal(at) {
			t.Errorf("%s became %s: %+v, %v", data, written, again, err)
		}
	})
}
