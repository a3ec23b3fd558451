# transom_layer(NAME): the static library transom_NAME from transom/NAME/*.cpp and the test transom_NAME_test from
# transom/NAME/*_test.cpp. What a layer may link is read from LAYERS, so the law and the build cannot disagree.
# A header named in transom/NAME/private_headers.txt, or *testing.hpp, is not installed; every other one is public and must
# compile alone.

file(STRINGS ${PROJECT_SOURCE_DIR}/LAYERS transom_laws REGEX "^[a-z]")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/LAYERS)
set(transom_built_layers "")

add_library(transom_flags INTERFACE)
# GCC 12 takes an empty std::optional that is moved for an uninitialised one (its bug 80635), and sees overlaps in sums
# of strings (105651).
target_compile_options(transom_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized -Wno-restrict>)
target_compile_options(transom_flags INTERFACE -Wall -Wextra -Wpedantic -Wconversion)
if(TRANSOM_STRICT)
  target_compile_options(transom_flags INTERFACE -Werror)
endif()
if(TRANSOM_SANITIZE)
  target_compile_options(transom_flags INTERFACE -fsanitize=${TRANSOM_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(transom_flags INTERFACE -fsanitize=${TRANSOM_SANITIZE})
  if(TRANSOM_SANITIZE MATCHES undefined)
    # Its check of vtables opens a pipe to probe the address, and cries wolf where a test has used up all descriptors.
    target_compile_options(transom_flags INTERFACE -fno-sanitize=vptr)
  endif()
endif()
if(TRANSOM_FUZZ)
  target_compile_options(transom_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(TRANSOM_COVERAGE)
  target_compile_options(transom_flags INTERFACE --coverage)
  target_link_options(transom_flags INTERFACE --coverage)
endif()

# With TRANSOM_UNITY a layer's files are compiled eight at a time, except these: what they keep to themselves has a name that
# another file of the layer uses too (or, next to fork_guard.hpp, `detail` means os::detail).
set(transom_alone os/fork_guard os/membarrier os/paging os/signal_handler os/sysv_semaphore os/sysv_shm os/unix_socket sync/wait_graph
  transport/connection_sender_writing transport/lane_plan transport/shared_object transport/udp)
list(TRANSFORM transom_alone REPLACE "(.+)" "${PROJECT_SOURCE_DIR}/transom/\\1.cpp")
set_source_files_properties(${transom_alone} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)

function(transom_layer name)
  set(dir ${PROJECT_SOURCE_DIR}/transom/${name})
  file(GLOB sources CONFIGURE_DEPENDS ${dir}/*.cpp)
  file(GLOB tests CONFIGURE_DEPENDS ${dir}/*_test.cpp)
  file(GLOB headers CONFIGURE_DEPENDS ${dir}/*.hpp)
  list(REMOVE_ITEM sources ${tests} "")
  list(FILTER headers EXCLUDE REGEX "testing\\.hpp$")
  if(NOT sources AND NOT headers)
    return()
  endif()
  if(EXISTS ${dir}/private_headers.txt)
    file(STRINGS ${dir}/private_headers.txt hidden)
    foreach(header IN LISTS hidden)
      list(REMOVE_ITEM headers ${dir}/${header})
    endforeach()
  endif()

  set(uses "")
  foreach(law IN LISTS transom_laws)
    separate_arguments(words UNIX_COMMAND "${law}")
    list(POP_FRONT words layer)
    if(layer STREQUAL name)
      set(uses ${words})
    endif()
  endforeach()
  set(links "")
  foreach(use IN LISTS uses)
    if(TARGET transom_${use})
      list(PREPEND links transom_${use})
    endif()
  endforeach()

  if(NOT sources)
    set(sources ${PROJECT_SOURCE_DIR}/cmake/empty.cpp)
  endif()
  add_library(transom_${name} STATIC ${sources})
  target_sources(transom_${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${headers})
  target_include_directories(transom_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_compile_features(transom_${name} PUBLIC cxx_std_23)
  target_link_libraries(transom_${name} PUBLIC ${links} Threads::Threads PRIVATE transom_flags)
  set_target_properties(transom_${name} PROPERTIES UNITY_BUILD ${TRANSOM_UNITY} UNITY_BUILD_BATCH_SIZE 8)
  set(transom_built_layers ${transom_built_layers} ${name} PARENT_SCOPE)

  if(TRANSOM_TESTS AND tests)
    add_executable(transom_${name}_test ${tests})
    target_link_libraries(transom_${name}_test PRIVATE transom_${name} transom_flags GTest::gmock GTest::gtest_main)
    gtest_discover_tests(transom_${name}_test DISCOVERY_TIMEOUT 60 PROPERTIES LABELS ${name} TIMEOUT 120)
  endif()
endfunction()

# transom_library(): the one library users link, made of the objects of all layers, and transom/*.hpp on top. Its header
# set is all that is installed; the target all_verify_interface_header_sets compiles each of its headers alone.
function(transom_library)
  file(GLOB umbrella CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/transom/*.hpp ${PROJECT_SOURCE_DIR}/transom/codec/*.hpp)
  set(objects "")
  set(headers ${umbrella})
  foreach(layer IN LISTS transom_built_layers)
    list(APPEND objects $<TARGET_OBJECTS:transom_${layer}>)
    get_target_property(set transom_${layer} HEADER_SET)
    list(APPEND headers ${set})
  endforeach()
  add_library(transom ${objects})
  add_library(transom::transom ALIAS transom)
  target_sources(transom PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${headers})
  target_compile_features(transom PUBLIC cxx_std_23)
  target_link_libraries(transom PUBLIC Threads::Threads PRIVATE $<BUILD_INTERFACE:transom_flags>)
  set_target_properties(transom PROPERTIES LINKER_LANGUAGE CXX VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
    VERIFY_INTERFACE_HEADER_SETS ON)
endfunction()
