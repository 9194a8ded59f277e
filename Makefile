# Every target does its own set-up on a Debian 12 or newer machine with Go;
# what is slow to make is kept under build/.

export CGO_ENABLED := 0
GO       ?= go
BIN      := build/bin
PROGRAMS := moss moss-boot moss-init moss-unlock
UNIT     := $(shell $(GO) list ./... 2>/dev/null | grep -v '^moss/qemu-tests')
STATICCHECK := build/tools/staticcheck

.PHONY: all build demo test check fmt vet staticcheck unit short faults race vm fuzz bench dist tools clean help

all: build dist

# What goes into the early-boot image is compiled without inlining: PID 1 is a tenth
# smaller so, on the ESP and in the memory that the kernel unpacks it into.
SMALL = $(if $(filter moss-init moss-unlock,$(1)),-gcflags=all=-l)

build: ## the programs, static, under build/bin
	@mkdir -p $(BIN)
	$(foreach p,$(PROGRAMS),$(GO) build -trimpath $(call SMALL,$(p)) -ldflags '-s -w' -o $(BIN)/$(p) ./cmd/$(p) &&) true

demo: tools build ## packages to a booted state, back through the menu, out of a broken one (in a VM)
	$(GO) run ./qemu-tests/demo

# vm comes before unit: it leaves Debian's packages under build/, and unit tests use
# the real ones where they are. What this machine lacks then fails a test instead of
# leaving it out. unit and faults each keep one processor busy, with the disk between:
# side by side they take little longer than one of them.
test: export MOSS_TEST_ALL := 1
test: fmt vet staticcheck vm ## everything: what CI runs
	$(MAKE) --output-sync=target -j2 unit faults

check: fmt vet staticcheck short ## what to run before a commit: format, vet, staticcheck, quick tests

fmt:
	@bad=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$bad" ] || { echo "gofmt these: $$bad"; exit 1; }

vet:
	$(GO) vet ./...
	$(GO) vet -tags faultinject ./...

$(STATICCHECK):
	GOBIN=$(abspath build/tools) $(GO) install honnef.co/go/tools/cmd/staticcheck@v0.8.2

staticcheck: $(STATICCHECK)
	$(STATICCHECK) ./...

# With the temporary files in memory the kernel has half as much to do.
IN_MEMORY := internal/testutil/inmemory.sh

unit:
	$(IN_MEMORY) $(GO) test -timeout 30m $(UNIT)

short:
	$(IN_MEMORY) $(GO) test -short $(UNIT)

# Of internal/system those that stop at points, found by their build tag, and the
# model, which has crashes only here; the others have run in unit.
STOPPING = $(shell grep -l '^//go:build faultinject' internal/system/*_test.go | xargs grep -hoE '^func Test[A-Za-z0-9_]+' | cut -c6- | paste -sd '|' -)

faults: ## the tests that stop at every named fault point (what takes no part in that is left to unit)
	$(IN_MEMORY) $(GO) test -short -tags faultinject -timeout 30m -run '^($(STOPPING)|TestModel)$$' ./internal/system
	$(IN_MEMORY) $(GO) test -short -tags faultinject -timeout 30m ./store ./store/activate ./bootloader ./bootloader/extlinux ./bootloader/sign ./initramfs/early ./store/fetch ./store/repo ./store/adopt ./usrmerge

race: ## unit tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race -short $(UNIT)

vm: tools build ## the tests that boot machines in QEMU
	$(GO) test -timeout 60m ./qemu-tests/...

# The properties of a package; a check in a helper stands for all its tests.
PROPERTIES = $(shell git grep -l 'rapid\.Check.testutil' -- '*_test.go' | xargs -n 1 dirname | sort -u)
DRAWN = $$(awk '/^func / {name = $$2; sub(/\(.*/, "", name); if (name !~ /^Test/) name = "Test.*"} /rapid\.Check\(/ {print name}' $$p/*_test.go | sort -u | paste -sd '|' -)
ROUNDS ?= 10

fuzz: ## every property with ROUNDS new seeds, every fuzz target for 30 s
	@for p in $(PROPERTIES); do run="$(DRAWN)"; for i in $$(seq $(ROUNDS)); do \
		seed=$$(od -An -N8 -tu8 /dev/urandom | tr -d ' '); echo "$$p RAPID_SEED=$$seed"; \
		RAPID_SEED=$$seed $(GO) test -timeout 30m -run "^($$run)\$$" ./$$p || exit 1; done; done
	@for p in $(UNIT); do for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do \
		echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime 30s $$p || exit 1; done; done

bench: tools build ## figures: codec, manifests, and early boot in the guest's clock
	$(GO) test -run '^$$' -bench . $(filter-out moss/usrmerge,$(UNIT))
	$(IN_MEMORY) $(GO) test -run '^$$' -bench . -benchtime 1x -timeout 30m ./usrmerge
	$(GO) test -run '^$$' -bench . -benchtime 1x -timeout 30m ./qemu-tests

dist: build ## man pages, completions, units, parts for dracut and initramfs-tools, under build/dist
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/moss generate build/dist
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/moss-boot generate build/dist
	cp dist/man/moss-init.8 build/dist/man8/
	@mkdir -p build/dist/systemd && cp dist/systemd/* build/dist/systemd/
	cp -r dist/dracut dist/initramfs-tools build/dist/

tools: ## the Debian packages that the VM tests need
	@sh qemu-tests/tools.sh

clean: ## everything made here, downloads too
	rm -rf build

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12
