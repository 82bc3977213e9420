/* What the main program (runner.c) and the two runtimes (tflite.c, onnxruntime.c) share. */
#ifndef CA_DEPLOY_RUNNER_H
#define CA_DEPLOY_RUNNER_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { MAX_TENSORS = 1024, MAX_RANK = 16 };

/* The data of a "string" tensor are int32s, then the characters: the number of strings, where each of them begins, and where
 * the last one ends, counted from the first byte (TFLite's string_util.h). Its `bytes` are 0 until it has data. */
typedef struct {
    const char *name;
    const char *type; /* numpy's name: "float32", "int8"; or "string" */
    int64_t shape[MAX_RANK];
    int rank;
    size_t bytes;
    void *data; /* the caller's copy, of `bytes` bytes */
    size_t room;
} Tensor;

/* What XNNPACK took over in the graph that runs, -1 where the library cannot tell; and in the branches and bodies that its
 * operators run. */
typedef struct {
    const char *name;
    int partitions, delegated_nodes, total_nodes;
    int branch_partitions, branch_delegated_nodes, branch_nodes;
} Delegate;

typedef struct {
    char *name;       /* the tensor or node that the operator makes */
    char *type;       /* the operator */
    const char *part; /* the delegate that it runs in, or NULL */
    int64_t index;    /* its place in the order of execution, or in the graph */
    uint64_t *ns;     /* one figure an inference */
    size_t n, room;
} Operator;

/* `shapes[i]` is that of input i, rank 0 where the model says it. */
typedef struct {
    const char *model, *signature;
    int threads, xnnpack, operators, n_shapes;
    struct {
        int64_t sides[MAX_RANK];
        int rank;
    } shapes[MAX_TENSORS];
} Options;

/* One runtime: functions over its only model. Each ends the program by fail() when something is wrong. */
typedef struct {
    const char *runtime;
    const char *(*version)(void *library);
    void (*load)(void *library, const Options *options);
    void (*set_inputs)(void);  /* from the tensors' `data` */
    void (*invoke)(void);
    void (*get_outputs)(void); /* into the tensors' `data` */
    void (*collect_operators)(void); /* once, after the last inference */
} Runtime;

extern const Runtime tflite, onnxruntime;

/* Filled in by load(). */
extern Tensor inputs[MAX_TENSORS], outputs[MAX_TENSORS];
extern int n_inputs, n_outputs;
extern Delegate delegate;

/* Print {"error": ...} and end with exit code 2. */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void *symbol(void *library, const char *name); /* fails when it is missing */
void *memory(size_t bytes);                    /* 64-byte aligned, zeroed; never freed, the process is short */
void make_room(Tensor *tensor);                /* for `bytes` bytes of data; what was there may go */
int64_t elements(const Tensor *tensor);
uint64_t now_ns(void);

void read_input(Tensor *input, const char *path);
void fill_input(Tensor *input); /* with what runner.c says at its top */
void write_outputs(const char *prefix);

extern FILE *report;
void print_string(const char *text); /* NULL as null */
void print_series(const char *key, const uint64_t *at, size_t n);
void print_tensors(const char *key, const Tensor *tensors, int n);
void print_delegate(void);
void print_operators(const Operator *operators, size_t n_operators, int wanted, size_t timed);

extern int measuring; /* a timed inference is running */
void note_operator(const char *name, const char *type, const char *part, int64_t index, uint64_t ns);

#endif
