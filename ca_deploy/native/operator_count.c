/* A QEMU TCG plugin that finds out how many instructions each operator of a timed inference takes, exactly.
 *
 * The runtimes' profilers say which operators run, and read a clock before and after each of them; but they would be counted
 * with them, at up to 40,000 instructions per operator. So a model runs twice.
 *
 * 1. With the profiler (argument `trace=FILE`). Its clock is answered with the instructions so far, a microsecond each, which
 *    shows in its figures which readings of the clock enclose which operator. Written are the readings, and the calls between
 *    them: those that contain no reading, by functions during which there was one.
 * 2. Without it (arguments `calls=FILE`, `sites=LIST`). Written are the instructions of each call from the sites in LIST.
 *
 * A call from a site that is called as often without the profiler is the runtime's own; see operator_counts.py. A site is
 * known by the address that its calls return to, which is the same in both runs: QEMU places libraries always alike.
 * Only the main thread counts, and the clock is another one during the timed inference only.
 */
#include "qemu_plugin.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

EXPORT int qemu_plugin_version = 1;

enum { CLOCK_GETTIME = 113, PAGE = 4096, BUCKETS = 1 << 16, DEEPEST = 1 << 16 };

typedef struct Site {
    uint64_t address; /* that its calls return to */
    uint64_t hits;
    uint64_t *each; /* instructions of each call, where they are asked for */
    size_t room;
    struct Site *next;
} Site;

/* A translated block that begins where a call returns to, or ends in a call, or both. */
typedef struct {
    uint64_t address, instructions;
    Site *calls; /* the site at its end, or NULL */
    int is_return;
} Block;

typedef struct {
    Site *site;
    uint64_t start;
} Frame;

typedef struct {
    size_t reading; /* how many readings there were before */
    const Site *site;
    uint64_t hit, instructions;
} Call;

static const char *trace_path, *calls_path;
static int listed; /* sites are those of the list, and no others */
static Site *sites[BUCKETS];
static uint64_t count, begin, total;
static int active;
static Frame stack[DEEPEST];
static size_t depth, with_reading; /* there was a reading during the outermost ones */
static Call *calls;
static size_t n_calls, calls_room;
static uint64_t *readings;
static size_t n_readings, readings_room;
static uint64_t timespec_at;

static void *grown(void *array, size_t n, size_t *room, size_t each) {
    if (n < *room) return array;
    *room = *room ? 2 * *room : 64;
    array = realloc(array, *room * each);
    if (!array) abort();
    return array;
}

static Site *site(uint64_t address, int add) {
    Site **bucket = &sites[(address >> 2) * 2654435761u % BUCKETS];
    for (Site *s = *bucket; s; s = s->next)
        if (s->address == address) return s;
    if (!add) return NULL;
    Site *made = calloc(1, sizeof *made);
    if (!made) abort();
    *made = (Site){.address = address, .next = *bucket};
    return *bucket = made;
}

static int is_call(uint32_t word) { return (word & 0xFC000000) == 0x94000000 || (word & 0xFFFFFC1F) == 0xD63F0000; } /* BL, BLR */

/* The innermost one, after which `depth` are left. */
static void end_call(const Frame *frame) {
    Site *s = frame->site;
    uint64_t instructions = count - frame->start;
    if (listed) {
        s->each = grown(s->each, s->hits, &s->room, sizeof *s->each);
        s->each[s->hits] = instructions;
    } else if (depth == with_reading) {
        calls = grown(calls, n_calls, &calls_room, sizeof *calls);
        calls[n_calls++] = (Call){n_readings, s, s->hits, instructions};
    }
    s->hits++;
    if (depth < with_reading) with_reading = depth;
}

static void on_exec(unsigned vcpu, void *data) {
    if (!active || vcpu) return;
    const Block *block = data;
    if (block->is_return) {
        size_t at = depth;
        while (at && stack[at - 1].site->address != block->address) at--;
        if (at) end_call(&stack[depth = at - 1]);
    }
    /* QEMU adds a block's instructions to the count after this function. */
    if (block->calls && depth < DEEPEST) stack[depth++] = (Frame){block->calls, count + block->instructions};
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *translated) {
    (void)id;
    size_t n = qemu_plugin_tb_n_insns(translated);
    uint64_t address = qemu_plugin_tb_vaddr(translated);
    const uint32_t *first = qemu_plugin_insn_haddr(qemu_plugin_tb_get_insn(translated, 0));
    uint32_t last;
    memcpy(&last, qemu_plugin_insn_data(qemu_plugin_tb_get_insn(translated, n - 1)), sizeof last);
    /* What stands before a page may not be readable. */
    int is_return = listed ? site(address, 0) != NULL : address % PAGE == 0 || (first && is_call(first[-1]));
    Site *called = is_call(last) ? site(address + 4 * n, !listed) : NULL;
    if (is_return || called) {
        Block *block = malloc(sizeof *block);
        if (!block) abort();
        *block = (Block){address, n, called, is_return};
        qemu_plugin_register_vcpu_tb_exec_cb(translated, on_exec, QEMU_PLUGIN_CB_NO_REGS, block);
    }
    qemu_plugin_register_vcpu_tb_exec_inline(translated, QEMU_PLUGIN_INLINE_ADD_U64, &count, n);
}

static void note_reading(void) {
    readings = grown(readings, n_readings, &readings_room, sizeof *readings);
    readings[n_readings++] = count;
    with_reading = depth;
}

static void on_syscall(qemu_plugin_id_t id, unsigned vcpu, int64_t number, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
                       uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8) {
    (void)id, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
    before_getcpu(number, a1);
    if (vcpu) return;
    if (number == CLOCK_GETTIME && active && trace_path) {
        timespec_at = a2;
        note_reading();
    }
    if (number != PRCTL) return;
    if (a1 == MARK_BEGIN) active = 1, begin = count;
    if (a1 == MARK_END) active = 0, total = count - begin;
}

static void after_syscall(qemu_plugin_id_t id, unsigned vcpu, int64_t number, int64_t result) {
    (void)id;
    after_getcpu(number, result);
    if (vcpu || number != CLOCK_GETTIME || result || !active || !trace_path) return;
    int64_t answer[2] = {(int64_t)(count / 1000000), (int64_t)(count % 1000000 * 1000)};
    memcpy((void *)timespec_at, answer, sizeof answer);
}

static void write_trace(FILE *file) {
    fprintf(file, "{\"total\":%" PRIu64 ",\"readings\":[", total);
    for (size_t i = 0; i < n_readings; i++) fprintf(file, "%s%" PRIu64, i ? "," : "", readings[i]);
    fputs("],\"calls\":[", file);
    for (size_t i = 0; i < n_calls; i++) {
        const Call *c = &calls[i];
        fprintf(file, "%s[%zu,%" PRIu64 ",%" PRIu64 ",%" PRIu64 "]", i ? "," : "", c->reading, c->site->address, c->hit,
                c->instructions);
    }
    fputs("],\"hits\":{", file);
    int any = 0;
    for (size_t i = 0; i < BUCKETS; i++)
        for (const Site *s = sites[i]; s; s = s->next)
            if (s->hits) fprintf(file, "%s\"%" PRIu64 "\":%" PRIu64, any++ ? "," : "", s->address, s->hits);
    fputs("}}\n", file);
}

static void write_calls(FILE *file) {
    fprintf(file, "{\"total\":%" PRIu64 ",\"sites\":{", total);
    int any = 0;
    for (size_t i = 0; i < BUCKETS; i++)
        for (const Site *s = sites[i]; s; s = s->next) {
            fprintf(file, "%s\"%" PRIu64 "\":[", any++ ? "," : "", s->address);
            for (uint64_t k = 0; k < s->hits; k++) fprintf(file, "%s%" PRIu64, k ? "," : "", s->each[k]);
            fputc(']', file);
        }
    fputs("}}\n", file);
}

static void at_exit(qemu_plugin_id_t id, void *unused) {
    (void)id, (void)unused;
    FILE *file = total ? fopen(trace_path ? trace_path : calls_path, "w") : NULL;
    if (!file) return;
    (trace_path ? write_trace : write_calls)(file);
    fclose(file);
}

static int read_sites(const char *path) {
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    uint64_t address;
    while (fscanf(file, "%" SCNu64, &address) == 1) site(address, 1);
    fclose(file);
    return listed = 1;
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv) {
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (!strncmp(argv[i], "trace=", 6)) trace_path = argv[i] + 6;
        if (!strncmp(argv[i], "calls=", 6)) calls_path = argv[i] + 6;
        if (!strncmp(argv[i], "sites=", 6) && !read_sites(argv[i] + 6)) return 1;
    }
    if (!trace_path == !calls_path || (calls_path && !listed)) return 1;
    if (trace_path) trace_path = strdup(trace_path);
    if (calls_path) calls_path = strdup(calls_path);
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
    qemu_plugin_register_vcpu_syscall_cb(id, on_syscall);
    qemu_plugin_register_vcpu_syscall_ret_cb(id, after_syscall);
    qemu_plugin_register_atexit_cb(id, at_exit, NULL);
    return 0;
}
