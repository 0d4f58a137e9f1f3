# LibTorch, as tools/setup unpacks it from the PyPI wheel of torch. The wheel's own TorchConfig.cmake asks for a CUDA
# toolkit, so we name the two libraries that we link ourselves. libtorch_cpu.so needs libcupti and libcudart, which come
# from their own wheels and are found by the RPATH inside libtorch_cpu.so; no toolkit of the machine can shadow them.
set(SPARSECIM_LIBTORCH "" CACHE PATH "Folder that holds torch/ and nvidia/ (empty: where tools/setup puts it)")

# As libtorch_folder() of tools/lib.sh has it.
function(sparsecim_libtorch_default out)
  file(STRINGS ${PROJECT_SOURCE_DIR}/tools/libtorch.txt pin REGEX "^torch==")
  string(REGEX REPLACE "^torch==([0-9.]+).*" "\\1" version "${pin}")
  if(NOT "$ENV{SPARSECIM_CACHE}" STREQUAL "")
    set(cache $ENV{SPARSECIM_CACHE})
  elseif(NOT "$ENV{XDG_CACHE_HOME}" STREQUAL "")
    set(cache $ENV{XDG_CACHE_HOME}/sparsecim)
  else()
    set(cache $ENV{HOME}/.cache/sparsecim)
  endif()
  set(${out} ${cache}/libtorch-${version} PARENT_SCOPE)
endfunction()

if(NOT SPARSECIM_LIBTORCH)
  sparsecim_libtorch_default(SPARSECIM_LIBTORCH)
endif()
if(NOT EXISTS ${SPARSECIM_LIBTORCH}/torch/lib/libtorch_cpu.so)
  message(FATAL_ERROR "no LibTorch at '${SPARSECIM_LIBTORCH}': run tools/setup, or name the folder that holds torch/ by "
                      "-DSPARSECIM_LIBTORCH, or build without the tensor verbs by -DSPARSECIM_TORCH=OFF")
endif()

# The wheel's include folder also holds fmt and nlohmann-json of other versions than ours: only LibTorch's own headers
# may be seen, or one program would mix two of each.
set(headers ${CMAKE_BINARY_DIR}/libtorch-headers)
file(MAKE_DIRECTORY ${headers})
foreach(folder ATen c10 caffe2 torch)
  file(CREATE_LINK ${SPARSECIM_LIBTORCH}/torch/include/${folder} ${headers}/${folder} SYMBOLIC)
endforeach()

foreach(library c10 torch_cpu)
  add_library(sparsecim::${library} SHARED IMPORTED)
  set_target_properties(sparsecim::${library} PROPERTIES
    IMPORTED_LOCATION ${SPARSECIM_LIBTORCH}/torch/lib/lib${library}.so
    INTERFACE_INCLUDE_DIRECTORIES ${headers})
endforeach()
# at::parallel_for runs on LibTorch's threads only in code that is compiled for OpenMP; the wheel has a runtime of its own.
find_package(OpenMP REQUIRED COMPONENTS CXX)
add_library(sparsecim::gomp SHARED IMPORTED)
set_target_properties(sparsecim::gomp PROPERTIES IMPORTED_LOCATION ${SPARSECIM_LIBTORCH}/torch/lib/libgomp.so.1)
add_library(sparsecim::torch INTERFACE IMPORTED)
target_link_libraries(sparsecim::torch INTERFACE sparsecim::torch_cpu sparsecim::c10 sparsecim::gomp)
target_link_options(sparsecim::torch INTERFACE
  -Wl,-rpath-link,${SPARSECIM_LIBTORCH}/torch/lib:${SPARSECIM_LIBTORCH}/nvidia/cu13/lib
  # DT_RPATH, not DT_RUNPATH: it is searched before LD_LIBRARY_PATH and serves libtorch_cpu's own needs too.
  -Wl,--disable-new-dtags)
