/* ONNX Runtime, through its C API.
 *
 * OrtApi is a table of functions that only ever grows at its end, so the few that are needed are named here by their
 * place in it (onnxruntime_c_api.h, API 11; every later library offers that version too).
 */
#include "runner.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { API_VERSION = 11 };
enum { /* places in OrtApi */
    GetErrorMessage = 2,
    CreateEnv = 3,
    CreateSession = 7,
    Run = 9,
    CreateSessionOptions = 10,
    EnableProfiling = 14,
    SetIntraOpNumThreads = 24,
    SetInterOpNumThreads = 25,
    SessionGetInputCount = 30,
    SessionGetOutputCount = 31,
    SessionGetInputTypeInfo = 33,
    SessionGetInputName = 36,
    SessionGetOutputName = 37,
    CreateTensorAsOrtValue = 48,
    CreateTensorWithDataAsOrtValue = 49,
    IsTensor = 50,
    GetTensorMutableData = 51,
    FillStringTensor = 52,
    GetStringTensorDataLength = 53,
    GetStringTensorContent = 54,
    CastTypeInfoToTensorInfo = 55,
    GetTensorElementType = 60,
    GetDimensionsCount = 61,
    GetDimensions = 62,
    GetTensorTypeAndShape = 65,
    CreateCpuMemoryInfo = 69,
    GetAllocatorWithDefaultOptions = 78,
    ReleaseValue = 96,
    ReleaseTensorTypeAndShapeInfo = 99,
    SessionEndProfiling = 110,
};
enum { LOG_ERRORS = 3, DEVICE_ALLOCATOR = 0, DEFAULT_MEMORY = 0, STRING = 8 };

typedef struct {
    void *const *(*GetApi)(uint32_t version);
    const char *(*GetVersionString)(void);
} ApiBase;

static void *const *api;
static void *session, *allocator;
static void *input_values[MAX_TENSORS], *output_values[MAX_TENSORS];
static const char *input_names[MAX_TENSORS], *output_names[MAX_TENSORS];
static void *(*run)(void *, const void *, const char *const *, void *const *, size_t, const char *const *, size_t, void **);
static void (*release_value)(void *), (*release_shape)(void *);

/* Call a function of the table; a status that is not NULL ends the program with its message. */
#define CALL(place, types, ...) check(((void *(*)types)api[place])(__VA_ARGS__))

static void check(void *status) {
    if (status) fail("ONNX Runtime: %s", ((const char *(*)(void *))api[GetErrorMessage])(status));
}

static const ApiBase *base(void *library) { return ((const ApiBase *(*)(void))symbol(library, "OrtGetApiBase"))(); }

static const char *version(void *library) { return base(library)->GetVersionString(); }

static const struct {
    const char *name;
    size_t bytes;
} element_types[] = {[1] = {"float32", 4}, [2] = {"uint8", 1},  [3] = {"int8", 1},     [4] = {"uint16", 2},
                     [5] = {"int16", 2},   [6] = {"int32", 4},  [7] = {"int64", 8},    [STRING] = {"string", 0},
                     [9] = {"bool", 1},
                     [10] = {"float16", 2}, [11] = {"float64", 8}, [12] = {"uint32", 4}, [13] = {"uint64", 8},
                     [16] = {"bfloat16", 2}};

/* Fills in type, shape and bytes; a side that is open in an input's becomes 1. */
static int describe(const void *info, Tensor *t, int is_input) {
    size_t rank;
    int type;
    CALL(GetDimensionsCount, (const void *, size_t *), info, &rank);
    if (rank > MAX_RANK) fail("tensor %s has %zu dimensions", t->name, rank);
    CALL(GetDimensions, (const void *, int64_t *, size_t), info, t->shape, rank);
    CALL(GetTensorElementType, (const void *, int *), info, &type);
    if (type < 0 || type >= (int)(sizeof element_types / sizeof *element_types) || !element_types[type].name)
        fail("tensor %s has element type %d, which the runner does not know", t->name, type);
    t->type = element_types[type].name;
    t->rank = (int)rank;
    t->bytes = element_types[type].bytes;
    for (int i = 0; i < t->rank; i++) {
        if (t->shape[i] < is_input) t->shape[i] = 1;
        t->bytes *= (size_t)t->shape[i];
    }
    return type;
}

static void load(void *library, const Options *o) {
    api = base(library)->GetApi(API_VERSION);
    if (!api) fail("this ONNX Runtime does not offer version %d of its C API", API_VERSION);
    run = (void *(*)(void *, const void *, const char *const *, void *const *, size_t, const char *const *, size_t, void **))api[Run];
    release_value = (void (*)(void *))api[ReleaseValue];
    release_shape = (void (*)(void *))api[ReleaseTensorTypeAndShapeInfo];
    if (o->signature) fail("ONNX files have no signatures");

    void *env, *options;
    CALL(CreateEnv, (int, const char *, void **), LOG_ERRORS, "runner", &env);
    CALL(CreateSessionOptions, (void **), &options);
    CALL(SetIntraOpNumThreads, (void *, int), options, o->threads);
    CALL(SetInterOpNumThreads, (void *, int), options, 1);
    if (o->operators) {
        char prefix[64];
        snprintf(prefix, sizeof prefix, "ca-deploy-profile-%d", (int)getpid());
        CALL(EnableProfiling, (void *, const char *), options, prefix);
    }
    CALL(CreateSession, (void *, const char *, const void *, void **), env, o->model, options, &session);
    CALL(GetAllocatorWithDefaultOptions, (void **), &allocator);

    void *cpu;
    size_t count;
    CALL(CreateCpuMemoryInfo, (int, int, void **), DEVICE_ALLOCATOR, DEFAULT_MEMORY, &cpu);
    CALL(SessionGetInputCount, (const void *, size_t *), session, &count);
    n_inputs = (int)count;
    CALL(SessionGetOutputCount, (const void *, size_t *), session, &count);
    n_outputs = (int)count;
    if (n_inputs > MAX_TENSORS || n_outputs > MAX_TENSORS) fail("more than %d inputs or outputs", MAX_TENSORS);
    for (int i = 0; i < n_inputs; i++) {
        void *type_info;
        const void *info;
        CALL(SessionGetInputName, (const void *, size_t, void *, const char **), session, i, allocator, &input_names[i]);
        CALL(SessionGetInputTypeInfo, (const void *, size_t, void **), session, i, &type_info);
        CALL(CastTypeInfoToTensorInfo, (const void *, const void **), type_info, &info);
        if (!info) fail("input %s is no tensor", input_names[i]);
        inputs[i].name = input_names[i];
        int type = describe(info, &inputs[i], 1);
        if (i < o->n_shapes) {
            inputs[i].rank = o->shapes[i].rank;
            memcpy(inputs[i].shape, o->shapes[i].sides, sizeof inputs[i].shape);
            inputs[i].bytes = element_types[type].bytes * (size_t)elements(&inputs[i]);
        }
        if (type == STRING) {
            CALL(CreateTensorAsOrtValue, (void *, const int64_t *, size_t, int, void **), allocator, inputs[i].shape,
                 (size_t)inputs[i].rank, type, &input_values[i]);
            continue;
        }
        make_room(&inputs[i]);
        void *own = memory(inputs[i].bytes);
        CALL(CreateTensorWithDataAsOrtValue, (const void *, void *, size_t, const int64_t *, size_t, int, void **), cpu, own,
             inputs[i].bytes, inputs[i].shape, (size_t)inputs[i].rank, type, &input_values[i]);
    }
    for (int i = 0; i < n_outputs; i++)
        CALL(SessionGetOutputName, (const void *, size_t, void *, const char **), session, i, allocator, &output_names[i]);
}

static void *data_of(void *value) {
    void *data;
    CALL(GetTensorMutableData, (void *, void **), value, &data);
    return data;
}

/* Strings as runner.h describes them, into and out of a value. */
static void set_strings(const Tensor *t, void *value) {
    const int32_t *head = t->data;
    const char **texts = malloc(((size_t)head[0] + 1) * sizeof *texts);
    char *copy = malloc(t->bytes + (size_t)head[0] + 1), *at = copy;
    if (!texts || !copy) fail("out of memory");
    for (int32_t i = 0; i < head[0]; i++) {
        size_t n = (size_t)(head[i + 2] - head[i + 1]);
        texts[i] = at;
        memcpy(at, (const char *)t->data + head[i + 1], n);
        at[n] = 0;
        at += n + 1;
    }
    CALL(FillStringTensor, (void *, const char *const *, size_t), value, texts, (size_t)head[0]);
    free(texts), free(copy);
}

static void get_strings(Tensor *t, const void *value) {
    size_t length, count = (size_t)elements(t), begin = 4 * (count + 2);
    CALL(GetStringTensorDataLength, (const void *, size_t *), value, &length);
    t->bytes = begin + length;
    make_room(t);
    size_t *offsets = malloc((count + 1) * sizeof *offsets);
    if (!offsets) fail("out of memory");
    CALL(GetStringTensorContent, (const void *, void *, size_t, size_t *, size_t), value, (char *)t->data + begin, length,
         offsets, count);
    offsets[count] = length;
    int32_t *head = t->data;
    head[0] = (int32_t)count;
    for (size_t i = 0; i <= count; i++) head[i + 1] = (int32_t)(begin + offsets[i]);
    free(offsets);
}

/* Also drops the outputs of the inference before: ONNX Runtime allocates them anew, as it does for any caller. */
static void set_inputs(void) {
    for (int i = 0; i < n_outputs; i++)
        if (output_values[i]) release_value(output_values[i]), output_values[i] = NULL;
    for (int i = 0; i < n_inputs; i++) {
        if (!strcmp(inputs[i].type, "string"))
            set_strings(&inputs[i], input_values[i]);
        else
            memcpy(data_of(input_values[i]), inputs[i].data, inputs[i].bytes);
    }
}

static void invoke(void) {
    check(run(session, NULL, input_names, input_values, (size_t)n_inputs, output_names, (size_t)n_outputs, output_values));
}

/* An output's shape is known once it was computed, and may be another after every inference. */
static void get_outputs(void) {
    for (int i = 0; i < n_outputs; i++) {
        Tensor *t = &outputs[i];
        void *info;
        int is_tensor;
        t->name = output_names[i];
        CALL(IsTensor, (const void *, int *), output_values[i], &is_tensor);
        if (!is_tensor) { /* a sequence or a map: timed, not copied */
            t->type = "sequence";
            make_room(t);
            continue;
        }
        CALL(GetTensorTypeAndShape, (const void *, void **), output_values[i], &info);
        int type = describe(info, t, 0);
        release_shape(info);
        if (type == STRING) {
            get_strings(t, output_values[i]);
            continue;
        }
        make_room(t);
        memcpy(t->data, data_of(output_values[i]), t->bytes);
    }
}

/* ---- time by operator: the profile that ONNX Runtime writes, one event a line, in the order in which they ended ---- */

/* Operators of this inference that have ended, and lie in none that has. */
static struct {
    int64_t begin_us, us;
} *ended;
static size_t n_ended, ended_room;

/* What an operator took without those that ended within it: a branch or a body of a loop runs inside of the operator. */
static uint64_t own_us(int64_t begin_us, int64_t us) {
    int64_t within = 0;
    while (n_ended && ended[n_ended - 1].begin_us >= begin_us) within += ended[--n_ended].us;
    if (n_ended == ended_room) {
        ended_room = ended_room ? 2 * ended_room : 256;
        ended = realloc(ended, ended_room * sizeof *ended);
        if (!ended) fail("out of memory");
    }
    ended[n_ended].begin_us = begin_us, ended[n_ended++].us = us;
    return us > within ? (uint64_t)(us - within) : 0;
}

static int field(const char *line, const char *key, char *into, size_t room) {
    const char *at = strstr(line, key);
    if (!at) return 0;
    at += strlen(key);
    while (*at == ' ' || *at == ':' || *at == '"') at++;
    size_t n = strcspn(at, "\",}");
    snprintf(into, room, "%.*s", (int)n, at);
    return 1;
}

/* An operator is known by its place in the order of execution: in a loop the same node runs several times. */
static void collect_operators(void) {
    const char *path;
    CALL(SessionEndProfiling, (void *, void *, const char **), session, allocator, &path);
    FILE *file = fopen(path, "r");
    if (!file) fail("ONNX Runtime's profile %s cannot be read", path);
    char *line = NULL, name[512], type[128], duration[32], begin[32];
    size_t room = 0;
    int64_t place = 0;
    while (getline(&line, &room, file) > 0) {
        if (!field(line, "\"dur\"", duration, sizeof duration) || !field(line, "\"name\"", name, sizeof name)) continue;
        if (!strcmp(name, "model_run")) place = 0, n_ended = 0;
        char *suffix = strstr(name, "_kernel_time");
        if (!suffix || !field(line, "\"op_name\"", type, sizeof type) || !field(line, "\"ts\"", begin, sizeof begin)) continue;
        *suffix = 0;
        note_operator(name, type, NULL, place++, own_us(strtoll(begin, NULL, 10), strtoll(duration, NULL, 10)) * 1000u);
    }
    free(line);
    fclose(file);
    unlink(path);
}

const Runtime onnxruntime = {"onnxruntime", version, load, set_inputs, invoke, get_outputs, collect_operators};
