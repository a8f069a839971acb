# Reprise. GNU make; user CFLAGS/LDFLAGS come last.
#
#   make            build build/reprise.fcgi, build/reprise, build/demo-upstream
#   make run        install what is missing, build, and try it on this machine
#   make check      install what is missing, build, and run every test
#   make help       all the targets

VERSION := 0.1.0
BUILD ?= build
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBEXECDIR ?= $(PREFIX)/lib/reprise
MANDIR ?= $(PREFIX)/share/man
CC ?= cc
PKG_CONFIG ?= pkg-config
INSTALL ?= install

WARNINGS := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wformat=2 -Wvla -Werror
HARDENING := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
OPTIMIZE ?= -O2 -g
BASE_CFLAGS := -std=gnu11 -D_GNU_SOURCE -DREPRISE_VERSION='"$(VERSION)"' \
	-Ilib -pthread $(WARNINGS)
SAN :=
ifeq ($(SAN),)
BASE_CFLAGS += $(OPTIMIZE) $(HARDENING)
else
BASE_CFLAGS += -O1 -g -fPIE -fno-omit-frame-pointer -fsanitize=$(SAN) \
	-fno-sanitize-recover=all
BASE_LDFLAGS += -fsanitize=$(SAN)
endif
BASE_LDFLAGS += -pie -Wl,-z,relro,-z,now -Wl,--as-needed -pthread

# ---- rooms ---------------------------------------------------------------
# What each room of lib/ may use: the link fails when one reaches upwards.
ROOMS := base conf http sse wire cache upstream ops gateway
USES_base :=
USES_conf := base
USES_http := base
USES_sse := base
USES_wire := sse base
USES_cache := wire sse base
USES_upstream := http conf base
USES_ops := wire sse conf base
USES_gateway := ops upstream cache wire sse http conf base

# Third-party libraries by room. libcurl is opened at run time by upstream/
# (CGI hits must not pay for loading it), so only its header is needed.
LIBS_base := -lcrypto
LIBS_conf := -linih
LIBS_http := -lfcgi
LIBS_sse :=
LIBS_wire := -ljansson
LIBS_cache := -lmemcached -lmemcachedutil -lzstd -ljansson
LIBS_upstream := -ldl
LIBS_ops := -ljansson
LIBS_gateway := -ljansson

archives = $(foreach r,$(1) $(USES_$(1)),$(BUILD)/lib/$(r).a)
libs = $(foreach r,$(1) $(USES_$(1)),$(LIBS_$(r)))

# Terse output; V=1 shows the commands.
ifeq ($(V),1)
say =
else
say = @echo '  $(1) $(patsubst $(BUILD)/%,%,$@)';
endif

LIB_SRC := $(sort $(foreach r,$(ROOMS),$(wildcard lib/$(r)/*.c)))
LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/%.o)
.DEFAULT_GOAL := all

# ---- objects, archives, programs -----------------------------------------
PROGRAMS := $(BUILD)/reprise.fcgi $(BUILD)/reprise $(BUILD)/demo-upstream

.PHONY: all
all: $(PROGRAMS)

# Objects rebuild when the flags change.
FLAGS_NOW := $(CC) $(BASE_CFLAGS) $(CFLAGS) | $(BASE_LDFLAGS) $(LDFLAGS)
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(FLAGS_NOW))' | cmp -s - $@ || \
	    echo '$(subst ','\'',$(FLAGS_NOW))' > $@
.PHONY: FORCE
FORCE:

$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(BASE_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

define archive_rule
$(BUILD)/lib/$(1).a: $(patsubst %.c,$(BUILD)/%.o,$(wildcard lib/$(1)/*.c))
	@rm -f $$@
	$$(call say,AR)$(AR) rcs $$@ $$(filter %.o,$$^)
endef
$(foreach r,$(ROOMS),$(eval $(call archive_rule,$(r))))

APP_FCGI := app/handler.c
APP_CLI := app/reprise.c $(wildcard app/cmd_*.c)
APP_DEMO := app/demo-upstream.c $(wildcard app/demo_*.c)

$(BUILD)/reprise.fcgi: $(APP_FCGI:%.c=$(BUILD)/%.o) $(call archives,gateway)
	$(call say,LD)$(CC) $(BASE_LDFLAGS) -o $@ $^ $(call libs,gateway) $(LDFLAGS)

$(BUILD)/reprise: $(APP_CLI:%.c=$(BUILD)/%.o) $(call archives,gateway)
	$(call say,LD)$(CC) $(BASE_LDFLAGS) -o $@ $^ $(call libs,gateway) $(LDFLAGS)

$(BUILD)/demo-upstream: $(APP_DEMO:%.c=$(BUILD)/%.o) $(call archives,base)
	$(call say,LD)$(CC) $(BASE_LDFLAGS) -o $@ $^ -ljansson $(call libs,base) $(LDFLAGS)

# ---- unit tests: tests/unit/<room>/test_*.c, linked with that room only ---
UNIT_SRC := $(sort $(wildcard tests/unit/*/test_*.c))
UNIT_BIN := $(UNIT_SRC:%.c=$(BUILD)/%)

define unit_rules
$(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/$(1)/test_*.c)): \
    $(BUILD)/%: $(BUILD)/%.o $(call archives,$(1))
	$$(call say,LD)$$(CC) $$(BASE_LDFLAGS) -o $$@ $$^ -lcmocka -ljansson $(call libs,$(1)) \
	    $$(LDFLAGS)
.PHONY: unit-$(1)
unit-$(1): $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/$(1)/test_*.c))
	@set -e; for t in $$^; do echo "== $$$$t"; $$$$t; done
endef
$(foreach r,$(ROOMS),$(eval $(call unit_rules,$(r))))

# These talk to the real programs.
unit-upstream: | $(BUILD)/demo-upstream

.PHONY: unit
unit: $(foreach r,$(ROOMS),unit-$(r))

# ---- fuzz targets: tests/fuzz/<room>/fuzz_*.c -----------------------------
# Each defines LLVMFuzzerTestOneInput. Linked with replay.c it reads files,
# so any compiler replays the corpus; `make fuzz` builds with libFuzzer.
FUZZ_SRC := $(sort $(wildcard tests/fuzz/*/fuzz_*.c))
FUZZ_BIN := $(FUZZ_SRC:%.c=$(BUILD)/%)

define fuzz_rules
$(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/$(1)/fuzz_*.c)): \
    $(BUILD)/%: $(BUILD)/%.o $(FUZZ_MAIN) $(call archives,$(1))
	$$(call say,LD)$$(CC) $$(BASE_LDFLAGS) $$(FUZZ_LDFLAGS) -o $$@ $$^ -ljansson \
	    $(call libs,$(1)) $$(LDFLAGS)
endef
ifndef LIBFUZZER
FUZZ_MAIN := $(BUILD)/tests/fuzz/replay.o
endif
$(foreach r,$(ROOMS),$(eval $(call fuzz_rules,$(r))))

.PHONY: clean
clean:
	rm -rf $(BUILD)

ALL_OBJ := $(LIB_OBJ) $(UNIT_SRC:%.c=$(BUILD)/%.o) $(FUZZ_SRC:%.c=$(BUILD)/%.o) \
	$(patsubst %.c,$(BUILD)/%.o,$(wildcard app/*.c tests/fuzz/*.c))
-include $(ALL_OBJ:.o=.d)

# ---- trying it out and testing it -----------------------------------------
# PACKAGES=no leaves the system's packages alone.
PACKAGES ?= yes
ifeq ($(PACKAGES),yes)
packages = deploy/packages $(1)
else
packages = :
endif

.PHONY: run
run:
	@$(call packages,build run)
	@$(MAKE) --no-print-directory all
	@deploy/try $(BUILD)

.PHONY: check
check:
	@$(call packages,build check)
	@$(MAKE) --no-print-directory check-installed

# The tests, when all they need is there. Ends with the plain total.
PYTEST := /usr/bin/python3 -m pytest
.PHONY: check-installed
check-installed: all $(UNIT_BIN) $(FUZZ_BIN)
	@BUILD=$(abspath $(BUILD)) tests/run

.PHONY: check-clients
check-clients:
	@$(call packages,build check)
	@$(MAKE) --no-print-directory all
	@BUILD=$(abspath $(BUILD)) tests/clients/run

# BENCH: seconds a round, and rounds.
BENCH ?= 3 3
.PHONY: bench
bench:
	@$(call packages,build bench)
	@$(MAKE) --no-print-directory all \
	    $(BUILD)/tests/bench/ceiling
	@BUILD=$(abspath $(BUILD)) tests/bench/run $(BENCH)

$(BUILD)/tests/bench/%: $(BUILD)/tests/bench/%.o
	$(call say,LD)$(CC) $(BASE_LDFLAGS) -o $@ $^ -lfcgi $(LDFLAGS)

# The whole suite under a sanitizer, in a build folder of its own.
.PHONY: asan tsan
asan:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)-asan \
	    SAN=address,undefined check-installed
tsan:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)-tsan SAN=thread \
	    check-installed

# Fuzz each target for FUZZ_SECONDS, starting from its committed corpus.
FUZZ_SECONDS ?= 600
.PHONY: fuzz fuzz-build
fuzz-build: $(FUZZ_BIN)
fuzz:
	@$(call packages,build lint)
	@$(MAKE) --no-print-directory BUILD=$(BUILD)-fuzz CC=clang LIBFUZZER=1 \
	    SAN=fuzzer-no-link,address,undefined \
	    FUZZ_LDFLAGS=-fsanitize=fuzzer fuzz-build
	@BUILD=$(abspath $(BUILD))-fuzz FUZZ_SECONDS=$(FUZZ_SECONDS) \
	    tests/fuzz/run

C_FILES := $(sort $(wildcard lib/*/*.c app/*.c tests/unit/*/*.c \
	tests/fuzz/*.c tests/fuzz/*/*.c tests/bench/*.c))
H_FILES := $(sort $(wildcard lib/*/*.h app/*.h tests/unit/*/*.h))

.PHONY: lint
lint:
	@$(call packages,build check lint)
	@tests/lint $(C_FILES) $(H_FILES)

.PHONY: format
format:
	clang-format -i $(C_FILES) $(H_FILES)

# ---- installing -----------------------------------------------------------
$(BUILD)/man/reprise.conf.5: app/reprise.conf.5.in $(BUILD)/reprise
	@mkdir -p $(@D)
	@REPRISE_CONF=/dev/null $(BUILD)/reprise config -m > $(@D)/options
	@sed -e '/@OPTIONS@/{r $(@D)/options' -e 'd;}' $< > $@

.PHONY: man
man: $(BUILD)/man/reprise.conf.5

.PHONY: install uninstall
install: all man
	$(INSTALL) -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(LIBEXECDIR) \
	    $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(MANDIR)/man5
	$(INSTALL) -m 755 $(BUILD)/reprise $(DESTDIR)$(BINDIR)/
	$(INSTALL) -m 755 $(BUILD)/reprise.fcgi deploy/pool \
	    $(DESTDIR)$(LIBEXECDIR)/
	$(INSTALL) -m 644 app/reprise.1 $(DESTDIR)$(MANDIR)/man1/
	$(INSTALL) -m 644 $(BUILD)/man/reprise.conf.5 \
	    $(DESTDIR)$(MANDIR)/man5/
uninstall:
	rm -f $(DESTDIR)$(BINDIR)/reprise \
	    $(DESTDIR)$(LIBEXECDIR)/reprise.fcgi \
	    $(DESTDIR)$(LIBEXECDIR)/pool \
	    $(DESTDIR)$(MANDIR)/man1/reprise.1 \
	    $(DESTDIR)$(MANDIR)/man5/reprise.conf.5
	-rmdir $(DESTDIR)$(LIBEXECDIR)

.PHONY: help
help:
	@echo 'make              build everything into $(BUILD)/'
	@echo 'make run          try it: UPSTREAM=https://... for a real one, PORT='
	@echo 'make check        every test'
	@echo 'make check-clients   official client packages, where npm is there'
	@echo 'make bench        hits next to a trivial responder, in one run'
	@echo 'make asan, tsan   every test under sanitizers'
	@echo 'make fuzz         fuzz every parser, FUZZ_SECONDS=600 each'
	@echo 'make lint         compilers, analysers, format, manual page'
	@echo 'make install      into PREFIX=$(PREFIX), DESTDIR= in front'
	@echo 'make clean        remove $(BUILD)/'
