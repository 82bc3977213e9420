/* Times a .tflite or .onnx model through the C library of its runtime, and saves its outputs.
 *
 *   runner --library LIB --model FILE [--threads N] [--affinity HEXMASK] [--xnnpack 0|1]
 *          [--signature KEY] [--shape 1x224x224x3]... [--input FILE]...
 *          [--warmup-runs N] [--warmup-seconds S] [--runs N] [--min-seconds S] [--max-seconds S]
 *          [--output-prefix PREFIX] [--ops]
 *   runner --probe --library LIB
 *
 * One line of JSON goes to standard output, everything else to standard error. When anything fails the line is
 * {"error": "..."} and the exit code 2. Shapes and files are those of the inputs in order; a side that nobody gives is 1.
 * Inputs that are not given hold a fixed pseudo-random pattern: floats in -1..1, small integers of any value, 0 and 1
 * where a type is wide enough for places in a table, the string "0". Timed inferences go on until there are --runs of
 * them and --min-seconds have passed, and end after --max-seconds or a million of them in any case.
 *
 * With CA_DEPLOY_MARKS in the environment every timed inference stands between two harmless system calls, which the
 * instruction counter (instruction_count.c) looks for.
 */
#define _GNU_SOURCE
#include "runner.h"

#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { MARK_BEGIN = 0x43410001, MARK_END = 0x43410002 }; /* no prctl option has these numbers */
enum { MOST_SAMPLES = 1000000 };                         /* so that the report stays below 64 MiB */

Tensor inputs[MAX_TENSORS], outputs[MAX_TENSORS];
int n_inputs, n_outputs;
Delegate delegate = {NULL, -1, -1, -1, 0, 0, 0};

FILE *report; /* the real standard output; libraries that print find standard error in its place */
static Operator *operators;
static size_t n_operators;
int measuring;

typedef struct {
    uint64_t *at;
    size_t n, room;
} Series;

typedef struct {
    const char *library, *affinity, *output_prefix, *input_files[MAX_TENSORS];
    int n_input_files, probe;
    long warmup_runs, runs;
    double warmup_seconds, min_seconds, max_seconds;
    Options model;
} Arguments;

/* ---- small helpers ---- */

_Noreturn void fail(const char *format, ...) {
    char message[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    fprintf(stderr, "runner: %s\n", message);
    if (!report) report = stdout;
    fputs("{\"error\":", report);
    print_string(message);
    fputs("}\n", report);
    fflush(report);
    _Exit(2);
}

void *symbol(void *library, const char *name) {
    void *found = dlsym(library, name);
    if (!found) fail("the library has no function %s", name);
    return found;
}

void *memory(size_t bytes) {
    size_t rounded = (bytes + 63) / 64 * 64 + 64;
    void *block = aligned_alloc(64, rounded);
    if (!block) fail("out of memory: %zu bytes", bytes);
    return memset(block, 0, rounded);
}

void make_room(Tensor *tensor) {
    if (tensor->data && tensor->bytes <= tensor->room) return;
    free(tensor->data);
    tensor->data = memory(tensor->bytes);
    tensor->room = tensor->bytes;
}

int64_t elements(const Tensor *tensor) {
    int64_t count = 1;
    for (int i = 0; i < tensor->rank; i++) count *= tensor->shape[i];
    return count;
}

uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void append(Series *series, uint64_t value) {
    if (series->n == series->room) {
        series->room = series->room ? 2 * series->room : 1024;
        series->at = realloc(series->at, series->room * sizeof *series->at);
        if (!series->at) fail("out of memory");
    }
    series->at[series->n++] = value;
}

/* Mostly the one after the last. */
void note_operator(const char *name, const char *type, const char *part, int64_t index, uint64_t ns) {
    static size_t next;
    Operator *op = NULL;
    for (size_t i = 0; i < n_operators && !op; i++) {
        Operator *o = &operators[(next + i) % n_operators];
        if (o->index == index && o->part == part && !strcmp(o->type, type) && !strcmp(o->name, name)) op = o;
    }
    if (!op) {
        operators = realloc(operators, (n_operators + 1) * sizeof *operators);
        if (!operators) fail("out of memory");
        op = &operators[n_operators++];
        *op = (Operator){strdup(name), strdup(type), part, index, NULL, 0, 0};
    }
    Series times = {op->ns, op->n, op->room};
    append(&times, ns);
    op->ns = times.at, op->n = times.n, op->room = times.room;
    next = (size_t)(op - operators) + 1;
}

/* ---- the command line ---- */

static double number(const char *option, const char *text) {
    char *end;
    double value = strtod(text, &end);
    if (*end || end == text || !(value >= 0)) fail("%s takes a number, not %s", option, text);
    return value;
}

/* "1x224x224x3"; "" is a scalar's. */
static void parse_shape(Options *o, const char *text) {
    if (o->n_shapes == MAX_TENSORS) fail("--shape is given more than %d times", MAX_TENSORS);
    int rank = 0;
    int64_t *sides = o->shapes[o->n_shapes].sides;
    for (const char *at = text; *at;) {
        char *end;
        errno = 0;
        sides[rank++] = strtoll(at, &end, 10);
        if (end == at || errno || sides[rank - 1] < 0 || (*end && *end != 'x') || (*end && rank == MAX_RANK))
            fail("--shape takes at most %d sides such as 1x224x224x3, not %s", MAX_RANK, text);
        at = *end ? end + 1 : end;
    }
    o->shapes[o->n_shapes++].rank = rank;
}

static Arguments parse(int argc, char **argv) {
    static Arguments a = {.warmup_runs = 10, .warmup_seconds = 0.5, .runs = 50, .min_seconds = 1, .max_seconds = 150};
    a.model.threads = 1, a.model.xnnpack = 1;
    for (int i = 1; i < argc; i++) {
        const char *o = argv[i];
        if (!strcmp(o, "--probe")) {
            a.probe = 1;
            continue;
        }
        if (!strcmp(o, "--ops")) {
            a.model.operators = 1;
            continue;
        }
        if (i + 1 == argc) fail("%s lacks its value, or is no option", o);
        const char *v = argv[++i];
        if (!strcmp(o, "--library")) a.library = v;
        else if (!strcmp(o, "--model")) a.model.model = v;
        else if (!strcmp(o, "--signature")) a.model.signature = v;
        else if (!strcmp(o, "--shape")) parse_shape(&a.model, v);
        else if (!strcmp(o, "--threads")) a.model.threads = (int)number(o, v);
        else if (!strcmp(o, "--affinity")) a.affinity = v;
        else if (!strcmp(o, "--xnnpack")) a.model.xnnpack = (int)number(o, v);
        else if (!strcmp(o, "--warmup-runs")) a.warmup_runs = (long)number(o, v);
        else if (!strcmp(o, "--warmup-seconds")) a.warmup_seconds = number(o, v);
        else if (!strcmp(o, "--runs")) a.runs = (long)number(o, v);
        else if (!strcmp(o, "--min-seconds")) a.min_seconds = number(o, v);
        else if (!strcmp(o, "--max-seconds")) a.max_seconds = number(o, v);
        else if (!strcmp(o, "--output-prefix")) a.output_prefix = v;
        else if (!strcmp(o, "--input") && a.n_input_files < MAX_TENSORS) a.input_files[a.n_input_files++] = v;
        else fail("unknown option %s", o);
    }
    if (!a.library) fail("--library is missing");
    if (!a.model.model && !a.probe) fail("--model is missing");
    if (a.model.threads < 1) fail("--threads takes a number from 1 on");
    return a;
}

/* A mask as long as need be: its last digit stands for the cores 0 to 3. */
static void set_affinity(const char *mask) {
    const char *digits = !strncmp(mask, "0x", 2) || !strncmp(mask, "0X", 2) ? mask + 2 : mask;
    size_t n = strlen(digits);
    cpu_set_t set;
    CPU_ZERO(&set);
    for (size_t i = 0; i < n; i++) {
        char digit[2] = {digits[n - 1 - i], 0}, *end;
        long bits = strtol(digit, &end, 16);
        if (end != digit + 1 || (bits && 4 * i >= CPU_SETSIZE)) fail("--affinity takes a mask such as 0xf0, not %s", mask);
        for (int bit = 0; bit < 4; bit++)
            if (bits >> bit & 1) CPU_SET(4 * i + bit, &set);
    }
    if (!CPU_COUNT(&set)) fail("--affinity takes a mask such as 0xf0, not %s", mask);
    if (sched_setaffinity(0, sizeof set, &set)) fail("it cannot be bound to the cores %s: are they online? (%s)", mask, strerror(errno));
}

/* ---- measuring ---- */

static uint64_t timed_invoke(const Runtime *runtime) {
    uint64_t start = now_ns();
    runtime->invoke();
    return now_ns() - start;
}

typedef struct {
    uint64_t load_ns, first_ns;
    Series warmup, invoke, start, set_input, get_output;
} Measured;

static Measured measure(const Runtime *runtime, void *library, const Arguments *a) {
    Measured m = {0};
    uint64_t start = now_ns();
    runtime->load(library, &a->model);
    m.load_ns = now_ns() - start;

    if (a->model.n_shapes > n_inputs) fail("%d shapes for a model with %d inputs", a->model.n_shapes, n_inputs);
    if (a->n_input_files > n_inputs) fail("%d input files for a model with %d inputs", a->n_input_files, n_inputs);
    for (int i = 0; i < n_inputs; i++) {
        if (i < a->n_input_files)
            read_input(&inputs[i], a->input_files[i]);
        else
            fill_input(&inputs[i]);
    }
    runtime->set_inputs();
    m.first_ns = timed_invoke(runtime);
    runtime->get_outputs();
    if (a->output_prefix) write_outputs(a->output_prefix); /* of the first, before a model with a memory has one */

    start = now_ns();
    while ((long)m.warmup.n < a->warmup_runs || (double)(now_ns() - start) < a->warmup_seconds * 1e9) {
        runtime->set_inputs();
        append(&m.warmup, timed_invoke(runtime));
        if (m.warmup.n == MOST_SAMPLES || (double)(now_ns() - start) > a->max_seconds * 1e9) break;
    }

    int marks = getenv("CA_DEPLOY_MARKS") != NULL;
    double seconds;
    start = now_ns();
    do {
        uint64_t before = now_ns();
        runtime->set_inputs();
        append(&m.set_input, now_ns() - before);
        append(&m.start, now_ns());
        measuring = 1;
        if (marks) prctl(MARK_BEGIN, 0, 0, 0, 0);
        uint64_t ns = timed_invoke(runtime);
        if (marks) prctl(MARK_END, 0, 0, 0, 0);
        measuring = 0;
        append(&m.invoke, ns);
        before = now_ns();
        runtime->get_outputs();
        append(&m.get_output, now_ns() - before);
        seconds = (double)(now_ns() - start) / 1e9;
    } while (m.invoke.n < MOST_SAMPLES && seconds < a->max_seconds &&
             ((long)m.invoke.n < a->runs || seconds < a->min_seconds));
    if (a->model.operators) runtime->collect_operators();
    return m;
}

static void print_measured(const Arguments *a, const Measured *m) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    fprintf(report, ",\"threads\":%d,\"affinity\":", a->model.threads);
    print_string(a->affinity);
    fprintf(report, ",\"load_ns\":%" PRIu64 ",\"first_ns\":%" PRIu64, m->load_ns, m->first_ns);
    print_series("warmup_ns", m->warmup.at, m->warmup.n);
    print_series("invoke_ns", m->invoke.at, m->invoke.n);
    print_series("start_ns", m->start.at, m->start.n);
    print_series("set_input_ns", m->set_input.at, m->set_input.n);
    print_series("get_output_ns", m->get_output.at, m->get_output.n);
    print_delegate();
    print_tensors("inputs", inputs, n_inputs);
    print_tensors("outputs", outputs, n_outputs);
    fprintf(report, ",\"peak_rss_kb\":%ld", usage.ru_maxrss);
    print_operators(operators, n_operators, a->model.operators, m->invoke.n);
}

int main(int argc, char **argv) {
    /* What libraries print must not mix with the report. */
    report = fdopen(dup(STDOUT_FILENO), "w");
    if (!report) fail("standard output is closed");
    dup2(STDERR_FILENO, STDOUT_FILENO);

    Arguments a = parse(argc, argv);
    if (a.affinity) set_affinity(a.affinity);
    setenv("ORT_DISABLE_TELEMETRY", "1", 0); /* else ONNX Runtime asks for its maker's event server */
    void *library = dlopen(a.library, RTLD_NOW | RTLD_LOCAL);
    if (!library) fail("%s", dlerror());
    const Runtime *runtime = dlsym(library, "OrtGetApiBase")    ? &onnxruntime
                             : dlsym(library, "TfLiteVersion") ? &tflite
                                                               : NULL;
    if (!runtime) fail("%s is neither LiteRT (with the TFLite C API) nor ONNX Runtime", a.library);

    Measured measured = {0};
    const char *version = runtime->version(library);
    if (!a.probe) measured = measure(runtime, library, &a);
    /* Nothing fails from here on: the report is whole or is not there. */
    fprintf(report, "{\"schema\":1,\"runtime\":\"%s\",\"runtime_version\":\"%s\"", runtime->runtime, version);
    if (!a.probe) print_measured(&a, &measured);
    fprintf(report, ",\"hwcap\":%lu,\"hwcap2\":%lu}\n", getauxval(AT_HWCAP), getauxval(AT_HWCAP2));
    if (fflush(report)) _Exit(3);
    _Exit(0); /* the libraries' destructors may crash, and have nothing to do */
}
