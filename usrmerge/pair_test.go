package usrmerge

import "testing"

// Every pair of kinds, and what decides between them.
func TestDecide(t *testing.T) {
	for name, tt := range map[string]struct {
		pair pair
		want act
	}{
		"one file":                                 {pair{o: regular, n: regular, same: true}, actDone},
		"one symlink, wrong from the new place":    {pair{o: symlink, n: symlink, stale: true}, actTake},
		"folders":                                  {pair{o: folder, n: folder}, actInto},
		"folder on file":                           {pair{o: folder, n: regular}, actRefuse},
		"folder on device":                         {pair{o: folder, n: char}, actRefuse},
		"folder on symlink back":                   {pair{o: folder, n: symlink, nTwin: true}, actMirror},
		"folder on symlink elsewhere":              {pair{o: folder, n: symlink}, actRefuse},
		"folder on dangling symlink":               {pair{o: folder, n: symlink, nLost: true}, actRefuse},
		"file on folder":                           {pair{o: regular, n: folder}, actRefuse},
		"symlink to it on folder":                  {pair{o: symlink, n: folder, oTwin: true}, actFold},
		"symlink that ends there on folder":        {pair{o: symlink, n: folder, meet: true}, actFold},
		"dangling symlink on folder":               {pair{o: symlink, n: folder, oLost: true}, actOrphan},
		"symlink elsewhere on folder":              {pair{o: symlink, n: folder}, actRefuse},
		"symlinks that meet":                       {pair{o: symlink, n: symlink, meet: true}, actFold},
		"symlinks, the new one leads to the old":   {pair{o: symlink, n: symlink, nTwin: true}, actTake},
		"symlinks, the old one leads to the new":   {pair{o: symlink, n: symlink, oTwin: true}, actFold},
		"symlinks, the old one dangles":            {pair{o: symlink, n: symlink, oLost: true}, actOrphan},
		"symlinks, both dangle":                    {pair{o: symlink, n: symlink, oLost: true, nLost: true}, actOrphan},
		"symlinks, the new one dangles":            {pair{o: symlink, n: symlink, nLost: true}, actDisplace},
		"symlinks that differ":                     {pair{o: symlink, n: symlink}, actOrphan},
		"symlink to the file":                      {pair{o: symlink, n: regular, oTwin: true}, actFold},
		"symlink by another to the file":           {pair{o: symlink, n: regular, meet: true}, actFold},
		"dangling symlink on file":                 {pair{o: symlink, n: regular, oLost: true}, actOrphan},
		"symlink elsewhere on file":                {pair{o: symlink, n: regular}, actOrphan},
		"file on symlink to it":                    {pair{o: regular, n: symlink, nTwin: true}, actTake},
		"file on dangling symlink":                 {pair{o: regular, n: symlink, nLost: true}, actDisplace},
		"file on symlink to an equal one":          {pair{o: regular, n: symlink, equal: true}, actFold},
		"file on symlink elsewhere":                {pair{o: regular, n: symlink}, actOrphan},
		"equal files":                              {pair{o: regular, n: regular, equal: true}, actFold},
		"different files":                          {pair{o: regular, n: regular}, actOrphan},
		"different files, the new one is our work": {pair{o: regular, n: regular, newer: true}, actTake},
		"file on our symlink":                      {pair{o: regular, n: symlink, newer: true}, actTake},
		"equal indexes":                            {pair{o: regular, n: regular, index: true, equal: true}, actFold},
		"different indexes":                        {pair{o: regular, n: regular, index: true}, actIndex},
		"index on symlink":                         {pair{o: regular, n: symlink, index: true}, actOrphan},
		"equal devices":                            {pair{o: char, n: char, equal: true}, actFold},
		"different devices":                        {pair{o: char, n: char}, actOrphan},
		"fifo on socket":                           {pair{o: fifo, n: socket}, actOrphan},
		"device on dangling symlink":               {pair{o: char, n: symlink, nLost: true}, actDisplace},
	} {
		t.Run(name, func(t *testing.T) {
			got, why := tt.pair.decide()
			if got != tt.want {
				t.Errorf("got act %b, want %b", got, tt.want)
			}
			if said := got&(actOrphan|actDisplace|actRefuse) != 0; said != (why != "") {
				t.Errorf("act %b says %q", got, why)
			}
		})
	}
}
