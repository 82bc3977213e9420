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

static void *interpreter, *input_tensors[MAX_TENSORS], *output_tensors[MAX_TENSORS];
static int (*invoke_interpreter)(void *);
static int (*copy_in)(void *, const void *, size_t), (*copy_out)(const void *, void *, size_t);
static char last_error[1024];

static void on_error(void *unused, const char *format, va_list arguments) {
    (void)unused;
    vsnprintf(last_error, sizeof last_error, format, arguments);
    fprintf(stderr, "%s\n", last_error);
}

static const char *version(void *library) { return ((const char *(*)(void))symbol(library, "TfLiteVersion"))(); }

/* ---- what XNNPACK took ---- */

static int count_all(void *context, void *self, void *unused) {
    (void)self, (void)unused;
    IntArray *plan;
    if (CALL(int, TfLiteOpaqueContextGetExecutionPlan, void *, IntArray **)(context, &plan) == OK)
        delegate.total_nodes = plan->size;
    return OK;
}

static int count_left(void *context, void *self, void *unused) {
    (void)self, (void)unused;
    IntArray *plan;
    if (CALL(int, TfLiteOpaqueContextGetExecutionPlan, void *, IntArray **)(context, &plan) != OK) return OK;
    int partitions = 0;
    for (int i = 0; i < plan->size; i++) {
        void *node, *operator;
        if (CALL(int, TfLiteOpaqueContextGetNodeAndRegistration, void *, int, void **, void **)(context, plan->data[i], &node,
                                                                                                &operator) != OK)
            return OK;
        partitions += CALL(int, TfLiteOperatorGetBuiltInCode, void *)(operator) == BUILTIN_DELEGATE;
    }
    delegate.partitions = partitions;
    if (delegate.total_nodes >= 0) delegate.delegated_nodes = delegate.total_nodes - (plan->size - partitions);
    return OK;
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
 * them anew. So an operator is known by its place in the order of execution, which is the same in every inference. */
static struct {
    char name[256];
    uint64_t start;
} running;
static int64_t place;

static uint32_t begin_operator(TelemetryProfiler *p, const char *name, int64_t index, int64_t graph) {
    (void)p, (void)index, (void)graph;
    snprintf(running.name, sizeof running.name, "%s", name);
    running.start = now_ns();
    return 0;
}

static void end_operator(TelemetryProfiler *p, uint32_t handle) {
    (void)p, (void)handle;
    uint64_t end = now_ns();
    if (measuring) note_operator("", running.name, NULL, place++, end - running.start);
}

static void timed_operator(TelemetryProfiler *p, const char *name, uint64_t us, int64_t index, int64_t graph) {
    (void)p, (void)index, (void)graph;
    if (measuring) note_operator("", name, delegate.name, place++, us * 1000);
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

static Tensor describe(const void *tensor) {
    Tensor t = {0};
    t.name = CALL(const char *, TfLiteTensorName, const void *)(tensor);
    t.type = type_name(CALL(int, TfLiteTensorType, const void *)(tensor));
    t.rank = CALL(int32_t, TfLiteTensorNumDims, const void *)(tensor);
    if (t.rank > MAX_RANK) fail("tensor %s has %d dimensions", t.name, t.rank);
    for (int i = 0; i < t.rank; i++) t.shape[i] = CALL(int32_t, TfLiteTensorDim, const void *, int32_t)(tensor, i);
    t.bytes = CALL(size_t, TfLiteTensorByteSize, const void *)(tensor);
    t.data = memory(t.bytes);
    return t;
}

static void load(void *library, const Options *o) {
    lib = library;
    invoke_interpreter = CALL(int, TfLiteInterpreterInvoke, void *);
    copy_in = CALL(int, TfLiteTensorCopyFromBuffer, void *, const void *, size_t);
    copy_out = CALL(int, TfLiteTensorCopyToBuffer, const void *, void *, size_t);

    void *model = CALL(void *, TfLiteModelCreateFromFile, const char *)(o->model);
    if (!model) fail("%s cannot be read as a TFLite model", o->model);
    void *options = CALL(void *, TfLiteInterpreterOptionsCreate, void)();
    CALL(void, TfLiteInterpreterOptionsSetErrorReporter, void *, void (*)(void *, const char *, va_list), void *)
    (options, on_error, NULL);
    CALL(void, TfLiteInterpreterOptionsSetNumThreads, void *, int32_t)(options, o->threads);
    if (o->xnnpack) add_delegates(options, o->threads);
    if (o->operators)
        CALL(void, TfLiteInterpreterOptionsSetTelemetryProfiler, void *, TelemetryProfiler *)(options, &profiler);
    interpreter = CALL(void *, TfLiteInterpreterCreate, void *, void *)(model, options);
    if (!interpreter) fail("LiteRT cannot prepare %s: %s", o->model, last_error);
    if (CALL(int, TfLiteInterpreterAllocateTensors, void *)(interpreter) != OK)
        fail("LiteRT cannot prepare %s: %s", o->model, last_error);

    n_inputs = CALL(int32_t, TfLiteInterpreterGetInputTensorCount, void *)(interpreter);
    n_outputs = CALL(int32_t, TfLiteInterpreterGetOutputTensorCount, void *)(interpreter);
    if (n_inputs > MAX_TENSORS || n_outputs > MAX_TENSORS) fail("more than %d inputs or outputs", MAX_TENSORS);
    for (int i = 0; i < n_inputs; i++) {
        input_tensors[i] = CALL(void *, TfLiteInterpreterGetInputTensor, void *, int32_t)(interpreter, i);
        inputs[i] = describe(input_tensors[i]);
    }
    for (int i = 0; i < n_outputs; i++) {
        output_tensors[i] = CALL(void *, TfLiteInterpreterGetOutputTensor, void *, int32_t)(interpreter, i);
        outputs[i] = describe(output_tensors[i]);
    }
}

static void set_inputs(void) {
    for (int i = 0; i < n_inputs; i++)
        if (copy_in(input_tensors[i], inputs[i].data, inputs[i].bytes) != OK) fail("input %s: %s", inputs[i].name, last_error);
}

static void invoke(void) {
    place = 0;
    if (invoke_interpreter(interpreter) != OK) fail("the inference failed: %s", last_error);
}

static void get_outputs(void) {
    for (int i = 0; i < n_outputs; i++)
        if (copy_out(output_tensors[i], outputs[i].data, outputs[i].bytes) != OK)
            fail("output %s: %s", outputs[i].name, last_error);
}

const Runtime tflite = {"litert", version, load, set_inputs, invoke, get_outputs, collect_operators};
