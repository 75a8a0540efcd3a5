// Preloaded into a worker by tests (LD_PRELOAD): Vulkan calls that fail as a driver's do after a
// reset or when memory is gone. TALA_VULKAN_FAULT=lost@N vkQueueSubmit number N of the process
// loses the device TALA_VULKAN_FAULT=memory@N vkAllocateMemory number N finds no memory
// TALA_VULKAN_FAULT_RANK=N only in the process that Open MPI gives this number
// TALA_VULKAN_FAULTS=FILE holds the number of faults that are left, over all processes; FILE.count
// gets the submissions of the last process that made any
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vulkan/vulkan.h>

static int strikes(const char *kind, int number) {
    const char *fault = getenv("TALA_VULKAN_FAULT"), *path = getenv("TALA_VULKAN_FAULTS");
    const char *rank = getenv("TALA_VULKAN_FAULT_RANK"), *own = getenv("OMPI_COMM_WORLD_RANK");
    if (rank && (!own || strcmp(rank, own))) return 0;
    size_t length = strlen(kind);
    if (!fault || !path || strncmp(fault, kind, length) || fault[length] != '@' || atoi(fault + length + 1) != number) return 0;
    FILE *file = fopen(path, "r+");
    if (!file) return 0;
    int left = 0;
    if (fscanf(file, "%d", &left) != 1) left = 0;
    if (left > 0) {
        rewind(file);
        fprintf(file, "%d\n", left - 1);
    }
    fclose(file);
    return left > 0;
}

static atomic_int submissions;

__attribute__((destructor)) static void record_submissions(void) {
    const char *path = getenv("TALA_VULKAN_FAULTS");
    char name[4096];
    if (!path || !submissions || snprintf(name, sizeof name, "%s.count", path) >= (int)sizeof name) return;
    FILE *file = fopen(name, "w");
    if (!file) return;
    fprintf(file, "%d\n", submissions);
    fclose(file);
}

VKAPI_ATTR VkResult VKAPI_CALL vkQueueSubmit(VkQueue queue, uint32_t count, const VkSubmitInfo *infos, VkFence fence) {
    static PFN_vkQueueSubmit real;
    if (!real) real = (PFN_vkQueueSubmit)dlsym(RTLD_NEXT, "vkQueueSubmit");
    if (strikes("lost", ++submissions)) return VK_ERROR_DEVICE_LOST;
    return real(queue, count, infos, fence);
}

VKAPI_ATTR VkResult VKAPI_CALL vkAllocateMemory(
    VkDevice device, const VkMemoryAllocateInfo *info, const VkAllocationCallbacks *callbacks, VkDeviceMemory *memory) {
    static atomic_int number;
    static PFN_vkAllocateMemory real;
    if (!real) real = (PFN_vkAllocateMemory)dlsym(RTLD_NEXT, "vkAllocateMemory");
    if (strikes("memory", ++number)) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    return real(device, info, callbacks, memory);
}
