/* LiteRT, through the TFLite C API (c_api.h, c_api_opaque.h, xnnpack_delegate.h, telemetry/c/profiler.h).
 *
 * That C API applies XNNPACK only when the delegate is added explicitly. Two delegates of our own that take nothing stand
 * around it: the first counts the operators of the model, the second sees what XNNPACK has left of them.
 */
#include "runner.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    int32_t num_threads;
    uint32_t flags;
    char newer_fields[248]; /* the library fills in as many as it knows */
} XnnpackOptions;

typedef struct {
    void *data;
    int (*Prepare)(void *context, void *delegate, void *data);
    void *buffer_functions[3];
    int64_t flags;
    char newer_fields[64];
} DelegateBuilder;

typedef struct TelemetryProfiler {
    void *data;
    void (*ReportTelemetryEvent)(struct TelemetryProfiler *, const char *, uint64_t);
    void (*ReportTelemetryOpEvent)(struct TelemetryProfiler *, const char *, int64_t, int64_t, uint64_t);
    void (*ReportSettings)(struct TelemetryProfiler *, const char *, const void *);
    uint32_t (*ReportBeginOpInvokeEvent)(struct TelemetryProfiler *, const char *, int64_t, int64_t);
    void (*ReportEndOpInvokeEvent)(struct TelemetryProfiler *, uint32_t);
    void (*ReportOpInvokeEvent)(struct TelemetryProfiler *, const char *, uint64_t, int64_t, int64_t);
} TelemetryProfiler;

typedef struct {
    int32_t size;
    int32_t data[];
} IntArray;

enum { OK = 0, BUILTIN_DELEGATE = 51, ALLOW_DYNAMIC_TENSORS = 1 };

static void *lib;
#define CALL(result, name, ...) ((result(*)(__VA_ARGS__))symbol(lib, #name))

static void *running_part; /* the interpreter, or the runner of one signature */
static void *input_tensors[MAX_TENSORS];
static const void *output_tensors[MAX_TENSORS];
static int (*invoke_part)(void *), (*copy_in)(void *, const void *, size_t), (*copy_out)(const void *, void *, size_t);
static int (*resize_data)(size_t, void *);
static void *(*data_of)(const void *);
static int (*type_of)(const void *);
static int32_t (*rank_of)(const void *), (*side_of)(const void *, int32_t);
static size_t (*size_of)(const void *);
static const char *(*name_of)(const void *);
static char last_error[1024];

static void on_error(void *unused, const char *format, va_list arguments) {
    (void)unused;
    vsnprintf(last_error, sizeof last_error, format, arguments);
    fprintf(stderr, "%s\n", last_error);
}

static const char *version(void *library) { return ((const char *(*)(void))symbol(library, "TfLiteVersion"))(); }

/* ---- what XNNPACK took ---- */

/* A file may hold several graphs; each is prepared by itself, by every delegate, and perhaps again. Those that `calls` lists
 * are the branches and bodies that its operators run. */
enum { MAX_GRAPHS = 256, MAX_CALLS = 64 };
static struct {
    void *context;
    int total, left, partitions, n_calls, counted;
    int32_t output;
    void *calls[MAX_CALLS];
} graphs[MAX_GRAPHS];
static int n_graphs;

static int graph_of(void *context) {
    for (int i = 0; i < n_graphs; i++)
        if (graphs[i].context == context) return i;
    if (n_graphs == MAX_GRAPHS) return -1;
    graphs[n_graphs].context = context;
    return n_graphs++;
}

/* The graphs that an operator runs, by their positions in the file (builtin_op_data.h); returns how many. */
static int called(int operator, const void *parameters, const int32_t **positions) {
    enum { CALL_ONCE = 129, IF = 118, WHILE = 119, STABLEHLO_WHILE = 200, STABLEHLO_CASE = 209, MOST_BRANCHES = 20 };
    *positions = parameters;
    if (!parameters) return 0;
    if (operator == CALL_ONCE) return 1;
    if (operator == IF || operator == WHILE || operator == STABLEHLO_WHILE) return 2;
    if (operator != STABLEHLO_CASE) return 0;
    int32_t count = (*positions)[MOST_BRANCHES];
    return count < 0 || count > MOST_BRANCHES ? 0 : count;
}

static void note_calls(void *context, void *node, void *operator, int at) {
    const int32_t *positions;
    int count = called(CALL(int, TfLiteOperatorGetBuiltInCode, void *)(operator),
                       CALL(const void *, TfLiteOpaqueNodeGetBuiltinData, void *)(node), &positions);
    for (int i = 0; i < count && graphs[at].n_calls < MAX_CALLS; i++) {
        void *other;
        if (CALL(int, TfLiteOpaqueContextAcquireSubgraphContext, void *, int, void **)(context, positions[i], &other) != OK)
            continue;
        graphs[at].calls[graphs[at].n_calls++] = other;
        CALL(int, TfLiteOpaqueContextReleaseSubgraphContext, void *, int)(context, positions[i]);
    }
}

static int count_all(void *context, void *self, void *unused) {
    (void)self, (void)unused;
    IntArray *plan;
    const int *outputs_there;
    int count, at = graph_of(context);
    if (at < 0 || CALL(int, TfLiteOpaqueContextGetExecutionPlan, void *, IntArray **)(context, &plan) != OK) return OK;
    graphs[at].total = plan->size;
    graphs[at].left = graphs[at].partitions = graphs[at].output = -1;
    graphs[at].n_calls = 0;
    for (int i = 0; i < plan->size; i++) {
        void *node, *operator;
        if (CALL(int, TfLiteOpaqueContextGetNodeAndRegistration, void *, int, void **, void **)(context, plan->data[i], &node,
                                                                                                &operator) == OK)
            note_calls(context, node, operator, at);
    }
    if (CALL(int, TfLiteOpaqueContextGetOutputs, void *, const int **, int *)(context, &outputs_there, &count) == OK && count)
        graphs[at].output = outputs_there[0];
    return OK;
}

static int count_left(void *context, void *self, void *unused) {
    (void)self, (void)unused;
    IntArray *plan;
    int at = graph_of(context);
    if (at < 0 || CALL(int, TfLiteOpaqueContextGetExecutionPlan, void *, IntArray **)(context, &plan) != OK) return OK;
    int partitions = 0;
    for (int i = 0; i < plan->size; i++) {
        void *node, *operator;
        if (CALL(int, TfLiteOpaqueContextGetNodeAndRegistration, void *, int, void **, void **)(context, plan->data[i], &node,
                                                                                                &operator) != OK)
            return OK;
        partitions += CALL(int, TfLiteOperatorGetBuiltInCode, void *)(operator) == BUILTIN_DELEGATE;
    }
    graphs[at].partitions = partitions;
    graphs[at].left = plan->size - partitions;
    return OK;
}

/* Of the graphs that this one runs, and those that they run, each once. */
static void add_branches(int at) {
    graphs[at].counted = 1;
    for (int i = 0; i < graphs[at].n_calls; i++) {
        int other = graph_of(graphs[at].calls[i]);
        if (other < 0 || graphs[other].counted || graphs[other].left < 0) continue;
        delegate.branch_nodes += graphs[other].total;
        delegate.branch_partitions += graphs[other].partitions;
        delegate.branch_delegated_nodes += graphs[other].total - graphs[other].left;
        add_branches(other);
    }
}

/* Of the graph that runs: the one whose outputs are the model's. */
static void report_delegate(void) {
    const void *(*tensor)(void *, int) = CALL(const void *, TfLiteOpaqueContextGetOpaqueTensor, void *, int);
    for (int i = 0; i < n_graphs; i++) {
        if (graphs[i].output < 0) continue;
        const void *output = tensor(graphs[i].context, graphs[i].output);
        for (int k = 0; k < n_outputs; k++) {
            if (output != output_tensors[k]) continue;
            delegate.total_nodes = graphs[i].total;
            delegate.partitions = graphs[i].partitions;
            if (graphs[i].left >= 0) delegate.delegated_nodes = graphs[i].total - graphs[i].left;
            add_branches(i);
            return;
        }
    }
}

static void add_delegates(void *options, int threads) {
    void (*add)(void *, void *) = CALL(void, TfLiteInterpreterOptionsAddDelegate, void *, void *);
    void *(*create)(const DelegateBuilder *) = CALL(void *, TfLiteOpaqueDelegateCreate, const DelegateBuilder *);
    static DelegateBuilder first = {.Prepare = count_all, .flags = ALLOW_DYNAMIC_TENSORS};
    static DelegateBuilder last = {.Prepare = count_left, .flags = ALLOW_DYNAMIC_TENSORS};
    XnnpackOptions xnnpack = CALL(XnnpackOptions, TfLiteXNNPackDelegateOptionsDefault, void)();
    xnnpack.num_threads = threads;
    void *made = CALL(void *, TfLiteXNNPackDelegateCreate, const XnnpackOptions *)(&xnnpack);
    if (!made) fail("XNNPACK cannot be set up on this processor");
    delegate.name = "XNNPACK";
    add(options, create(&first));
    add(options, made);
    add(options, create(&last));
}

/* ---- time by operator ---- */

/* TFLite's own kernels begin and end; XNNPACK tells the time of each of its operators, and each of its partitions numbers
 * them anew. So an operator is known by its place in the order of execution, which is the same in every inference. Control
 * flow runs other operators between its begin and its end; what these take is theirs alone. */
enum { DEEPEST = 16 };
static struct {
    char name[256];
    uint64_t start, within;
} running[DEEPEST];
static int depth;
static int64_t place;

static void add_within(uint64_t ns) {
    if (depth > 0 && depth <= DEEPEST) running[depth - 1].within += ns;
}

static uint32_t begin_operator(TelemetryProfiler *p, const char *name, int64_t index, int64_t graph) {
    (void)p, (void)index, (void)graph;
    if (depth++ >= DEEPEST) return 0;
    snprintf(running[depth - 1].name, sizeof running->name, "%s", name);
    running[depth - 1].within = 0;
    running[depth - 1].start = now_ns();
    return 0;
}

static void end_operator(TelemetryProfiler *p, uint32_t handle) {
    (void)p, (void)handle;
    uint64_t end = now_ns();
    if (depth == 0 || depth-- > DEEPEST) return;
    uint64_t ns = end - running[depth].start, within = running[depth].within;
    if (measuring) note_operator("", running[depth].name, NULL, place++, ns > within ? ns - within : 0);
    add_within(ns);
}

static void timed_operator(TelemetryProfiler *p, const char *name, uint64_t us, int64_t index, int64_t graph) {
    (void)p, (void)index, (void)graph;
    if (measuring) note_operator("", name, delegate.name, place++, us * 1000);
    add_within(us * 1000);
}

static void ignore_event(TelemetryProfiler *p, const char *n, uint64_t s) { (void)p, (void)n, (void)s; }
static void ignore_operator_event(TelemetryProfiler *p, const char *n, int64_t i, int64_t g, uint64_t s) {
    (void)p, (void)n, (void)i, (void)g, (void)s;
}
static void ignore_settings(TelemetryProfiler *p, const char *n, const void *s) { (void)p, (void)n, (void)s; }

static TelemetryProfiler profiler = {NULL,         ignore_event, ignore_operator_event, ignore_settings, begin_operator,
                                     end_operator, timed_operator};

static void collect_operators(void) {} /* they were noted as they ran */

/* ---- the model ---- */

static const char *type_name(int type) {
    static const char *const names[] = {"none",    "float32", "int32",      "uint8",   "int64", "string", "bool",  "int16",
                                        "complex64", "int8",  "float16",    "float64", "complex128", "uint64", "resource",
                                        "variant", "uint32",  "uint16",     "int4",    "bfloat16"};
    return type >= 0 && type < (int)(sizeof names / sizeof *names) ? names[type] : "unknown";
}

/* Name, type, shape and size as they are now; the data keep their place. */
static void describe(const void *tensor, Tensor *t) {
    t->type = type_name(type_of(tensor));
    t->rank = rank_of(tensor);
    if (t->rank > MAX_RANK) fail("tensor %s has %d dimensions", t->name, t->rank);
    for (int i = 0; i < t->rank; i++) t->shape[i] = side_of(tensor, i);
    t->bytes = size_of(tensor);
}

static void find_functions(void) {
    copy_in = CALL(int, TfLiteTensorCopyFromBuffer, void *, const void *, size_t);
    copy_out = CALL(int, TfLiteTensorCopyToBuffer, const void *, void *, size_t);
    resize_data = CALL(int, TfLiteTensorRealloc, size_t, void *);
    data_of = CALL(void *, TfLiteTensorData, const void *);
    type_of = CALL(int, TfLiteTensorType, const void *);
    rank_of = CALL(int32_t, TfLiteTensorNumDims, const void *);
    side_of = CALL(int32_t, TfLiteTensorDim, const void *, int32_t);
    size_of = CALL(size_t, TfLiteTensorByteSize, const void *);
    name_of = CALL(const char *, TfLiteTensorName, const void *);
}

/* The sides of an input as TFLite takes them; NULL where they are what they are. */
static const int *wanted_shape(const Options *o, int i, int *rank) {
    static int sides[MAX_RANK];
    if (i >= o->n_shapes) return NULL;
    *rank = o->shapes[i].rank;
    for (int k = 0; k < *rank; k++) sides[k] = (int)o->shapes[i].sides[k];
    return sides;
}

static void prepare_main_graph(void *interpreter, const Options *o) {
    running_part = interpreter;
    invoke_part = CALL(int, TfLiteInterpreterInvoke, void *);
    n_inputs = CALL(int32_t, TfLiteInterpreterGetInputTensorCount, void *)(interpreter);
    n_outputs = CALL(int32_t, TfLiteInterpreterGetOutputTensorCount, void *)(interpreter);
    if (n_inputs > MAX_TENSORS || n_outputs > MAX_TENSORS) fail("more than %d inputs or outputs", MAX_TENSORS);
    int rank;
    for (int i = 0; i < n_inputs; i++) {
        const int *sides = wanted_shape(o, i, &rank);
        if (sides && CALL(int, TfLiteInterpreterResizeInputTensor, void *, int32_t, const int *, int32_t)(interpreter, i, sides,
                                                                                                          rank) != OK)
            fail("input %d cannot have the shape asked for: %s", i, last_error);
    }
    if (CALL(int, TfLiteInterpreterAllocateTensors, void *)(interpreter) != OK)
        fail("LiteRT cannot prepare %s: %s", o->model, last_error);
    for (int i = 0; i < n_inputs; i++) {
        input_tensors[i] = CALL(void *, TfLiteInterpreterGetInputTensor, void *, int32_t)(interpreter, i);
        inputs[i].name = name_of(input_tensors[i]);
    }
    for (int i = 0; i < n_outputs; i++) {
        output_tensors[i] = CALL(const void *, TfLiteInterpreterGetOutputTensor, void *, int32_t)(interpreter, i);
        outputs[i].name = name_of(output_tensors[i]);
    }
}

static void prepare_signature(void *interpreter, const Options *o) {
    void *part = CALL(void *, TfLiteInterpreterGetSignatureRunner, void *, const char *)(interpreter, o->signature);
    if (!part) fail("%s has no signature %s", o->model, o->signature);
    running_part = part;
    invoke_part = CALL(int, TfLiteSignatureRunnerInvoke, void *);
    n_inputs = (int)CALL(size_t, TfLiteSignatureRunnerGetInputCount, const void *)(part);
    n_outputs = (int)CALL(size_t, TfLiteSignatureRunnerGetOutputCount, const void *)(part);
    if (n_inputs > MAX_TENSORS || n_outputs > MAX_TENSORS) fail("more than %d inputs or outputs", MAX_TENSORS);
    int rank;
    for (int i = 0; i < n_inputs; i++) {
        inputs[i].name = CALL(const char *, TfLiteSignatureRunnerGetInputName, const void *, int32_t)(part, i);
        const int *sides = wanted_shape(o, i, &rank);
        if (sides && CALL(int, TfLiteSignatureRunnerResizeInputTensor, void *, const char *, const int *, int32_t)(
                         part, inputs[i].name, sides, rank) != OK)
            fail("input %s cannot have the shape asked for: %s", inputs[i].name, last_error);
    }
    if (CALL(int, TfLiteSignatureRunnerAllocateTensors, void *)(part) != OK)
        fail("LiteRT cannot prepare the signature %s of %s: %s", o->signature, o->model, last_error);
    for (int i = 0; i < n_inputs; i++)
        input_tensors[i] = CALL(void *, TfLiteSignatureRunnerGetInputTensor, void *, const char *)(part, inputs[i].name);
    for (int i = 0; i < n_outputs; i++) {
        outputs[i].name = CALL(const char *, TfLiteSignatureRunnerGetOutputName, const void *, int32_t)(part, i);
        output_tensors[i] = CALL(const void *, TfLiteSignatureRunnerGetOutputTensor, void *, const char *)(part, outputs[i].name);
    }
}

static void load(void *library, const Options *o) {
    lib = library;
    find_functions();
    void *model = CALL(void *, TfLiteModelCreateFromFile, const char *)(o->model);
    if (!model) fail("%s cannot be read as a TFLite model", o->model);
    void *options = CALL(void *, TfLiteInterpreterOptionsCreate, void)();
    CALL(void, TfLiteInterpreterOptionsSetErrorReporter, void *, void (*)(void *, const char *, va_list), void *)
    (options, on_error, NULL);
    CALL(void, TfLiteInterpreterOptionsSetNumThreads, void *, int32_t)(options, o->threads);
    if (o->xnnpack) add_delegates(options, o->threads);
    if (o->operators)
        CALL(void, TfLiteInterpreterOptionsSetTelemetryProfiler, void *, TelemetryProfiler *)(options, &profiler);
    void *interpreter = CALL(void *, TfLiteInterpreterCreate, void *, void *)(model, options);
    if (!interpreter) fail("LiteRT cannot prepare %s: %s", o->model, last_error);
    if (o->signature)
        prepare_signature(interpreter, o);
    else
        prepare_main_graph(interpreter, o);
    for (int i = 0; i < n_inputs; i++) {
        describe(input_tensors[i], &inputs[i]);
        if (strcmp(inputs[i].type, "string")) make_room(&inputs[i]);
    }
    if (o->xnnpack) report_delegate();
}

static void set_inputs(void) {
    for (int i = 0; i < n_inputs; i++) {
        if (!strcmp(inputs[i].type, "string")) { /* their size is that of their characters */
            if (resize_data(inputs[i].bytes, input_tensors[i]) != OK) fail("input %s cannot hold its strings", inputs[i].name);
            memcpy(data_of(input_tensors[i]), inputs[i].data, inputs[i].bytes);
        } else if (copy_in(input_tensors[i], inputs[i].data, inputs[i].bytes) != OK)
            fail("input %s: %s", inputs[i].name, last_error);
    }
}

static void invoke(void) {
    place = depth = 0;
    if (invoke_part(running_part) != OK) fail("the inference failed: %s", last_error);
}

/* The size of some outputs is known only now, and may be another after every inference. */
static void get_outputs(void) {
    for (int i = 0; i < n_outputs; i++) {
        describe(output_tensors[i], &outputs[i]);
        make_room(&outputs[i]);
        if (!outputs[i].bytes) continue;
        if (copy_out(output_tensors[i], outputs[i].data, outputs[i].bytes) != OK)
            fail("output %s: %s", outputs[i].name, *last_error ? last_error : "its values cannot be read");
    }
}

const Runtime tflite = {"litert", version, load, set_inputs, invoke, get_outputs, collect_operators};
