# A room is a folder of src/: every x.cpp in it is compiled, every x_test.cpp becomes part of the room's test program.

function(sparsecim_sources out room)
  file(GLOB_RECURSE files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${room}/*.cpp)
  list(FILTER files EXCLUDE REGEX "_test\\.cpp$|/sparsity/cbc/")
  set(${out} ${files} PARENT_SCOPE)
endfunction()

# test_<room>, linked with `library`, its tests known to CTest by name.
function(sparsecim_room_tests room library)
  file(GLOB_RECURSE files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${room}/*_test.cpp)
  if(NOT SPARSECIM_TESTS OR NOT files)
    return()
  endif()
  add_executable(test_${room} ${files})
  set_target_properties(test_${room} PROPERTIES UNITY_BUILD OFF)  # tests name their helpers alike
  target_link_libraries(test_${room} PRIVATE ${library} GTest::gmock GTest::gtest_main)
  gtest_discover_tests(test_${room} DISCOVERY_MODE PRE_TEST PROPERTIES LABELS ${room} TIMEOUT 300)
endfunction()

# libsparsecim.so: everything that needs no LibTorch.
function(sparsecim_core)
  cmake_parse_arguments(ARG "" "" "ROOMS;LIBRARIES" ${ARGN})
  add_library(sparsecim SHARED)
  set_target_properties(sparsecim PROPERTIES UNITY_BUILD_MODE GROUP)  # a room at a time, where unity builds are on
  target_include_directories(sparsecim PUBLIC ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(sparsecim PUBLIC ${ARG_LIBRARIES})
  target_include_directories(sparsecim SYSTEM PUBLIC ${PROTOZERO_INCLUDE_DIR})
  target_compile_definitions(sparsecim PRIVATE SPARSECIM_VERSION="${PROJECT_VERSION}")
  foreach(room IN LISTS ARG_ROOMS)
    sparsecim_sources(files ${room})
    target_sources(sparsecim PRIVATE ${files})
    set_source_files_properties(${files} PROPERTIES UNITY_GROUP ${room})
    sparsecim_room_tests(${room} sparsecim)
  endforeach()
endfunction()

# libsparsecim_cbc.so: the integer solver, which src/sparsity opens when a selection has several budgets.
function(sparsecim_cbc)
  add_library(sparsecim_cbc SHARED ${PROJECT_SOURCE_DIR}/src/sparsity/cbc/cbc.cpp)
  target_include_directories(sparsecim_cbc PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(sparsecim_cbc PRIVATE PkgConfig::CBC)
  add_dependencies(sparsecim sparsecim_cbc)
endfunction()

# libsparsecim_tensors.so: the rooms on LibTorch. The program opens it at run time, for the verbs that need it.
function(sparsecim_tensor_rooms)
  cmake_parse_arguments(ARG "" "" "ROOMS" ${ARGN})
  add_library(sparsecim_tensors SHARED)
  target_link_libraries(sparsecim_tensors PUBLIC sparsecim sparsecim::torch)
  target_compile_options(sparsecim_tensors PRIVATE ${OpenMP_CXX_FLAGS})
  target_precompile_headers(sparsecim_tensors PRIVATE <ATen/ATen.h> <nlohmann/json.hpp> <string> <vector>)
  set_target_properties(sparsecim_tensors PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 4)
  foreach(room IN LISTS ARG_ROOMS)
    sparsecim_sources(files ${room})
    target_sources(sparsecim_tensors PRIVATE ${files})
    if(NOT room MATCHES "/")
      sparsecim_room_tests(${room} sparsecim_tensors)
    endif()
  endforeach()
endfunction()

# bin/sparsecim: src/cli but for src/cli/tensor, which lives behind libsparsecim_tensors.so.
function(sparsecim_program)
  sparsecim_sources(files cli)
  list(FILTER files EXCLUDE REGEX "/cli/tensor/")
  add_executable(sparsecim_program ${files})
  set_target_properties(sparsecim_program PROPERTIES OUTPUT_NAME sparsecim)
  target_link_libraries(sparsecim_program PRIVATE sparsecim CLI11::CLI11 ${CMAKE_DL_LIBS})
  target_precompile_headers(sparsecim_program PRIVATE <CLI/CLI.hpp>)  # the slowest to compile, in every file of src/cli
  if(SPARSECIM_TORCH)
    add_dependencies(sparsecim_program sparsecim_tensors)
  endif()
endfunction()
