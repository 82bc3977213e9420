/* The report's parts as JSON. */
#include "runner.h"

#include <inttypes.h>
#include <stdio.h>

void print_string(const char *text) {
    if (!text) {
        fputs("null", report);
        return;
    }
    fputc('"', report);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\') fputc('\\', report);
        if (*c < 32)
            fprintf(report, "\\u%04x", *c);
        else
            fputc(*c, report);
    }
    fputc('"', report);
}

void print_series(const char *key, const uint64_t *at, size_t n) {
    fprintf(report, ",\"%s\":[", key);
    for (size_t i = 0; i < n; i++) fprintf(report, "%s%" PRIu64, i ? "," : "", at[i]);
    fputc(']', report);
}

void print_tensors(const char *key, const Tensor *tensors, int n) {
    fprintf(report, ",\"%s\":[", key);
    for (int i = 0; i < n; i++) {
        fputs(i ? ",{\"name\":" : "{\"name\":", report);
        print_string(tensors[i].name);
        fprintf(report, ",\"type\":\"%s\",\"shape\":[", tensors[i].type);
        for (int k = 0; k < tensors[i].rank; k++) fprintf(report, "%s%" PRId64, k ? "," : "", tensors[i].shape[k]);
        fprintf(report, "],\"bytes\":%zu}", tensors[i].bytes);
    }
    fputc(']', report);
}

static void print_count(const char *key, int count) {
    if (count < 0)
        fprintf(report, ",\"%s\":null", key);
    else
        fprintf(report, ",\"%s\":%d", key, count);
}

void print_delegate(void) {
    if (!delegate.name) {
        fputs(",\"delegate\":null", report);
        return;
    }
    fprintf(report, ",\"delegate\":{\"name\":\"%s\"", delegate.name);
    print_count("partitions", delegate.partitions);
    print_count("delegated_nodes", delegate.delegated_nodes);
    print_count("total_nodes", delegate.total_nodes);
    print_count("branch_partitions", delegate.branch_partitions);
    print_count("branch_delegated_nodes", delegate.branch_delegated_nodes);
    print_count("branch_nodes", delegate.branch_nodes);
    fputc('}', report);
}

/* ONNX Runtime profiles every inference from the first on: only the last ones were timed. */
void print_operators(const Operator *operators, size_t n_operators, int wanted, size_t timed) {
    if (!wanted) {
        fputs(",\"ops\":null", report);
        return;
    }
    fputs(",\"ops\":[", report);
    for (size_t i = 0; i < n_operators; i++) {
        fputs(i ? ",{\"name\":" : "{\"name\":", report);
        print_string(operators[i].name);
        fputs(",\"type\":", report);
        print_string(operators[i].type);
        fputs(",\"delegate\":", report);
        print_string(operators[i].part);
        fprintf(report, ",\"index\":%" PRId64, operators[i].index);
        size_t n = operators[i].n, skip = n > timed ? n - timed : 0;
        print_series("ns", operators[i].ns + skip, n - skip);
        fputc('}', report);
    }
    fputc(']', report);
}
