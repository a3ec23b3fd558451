# What `cmake --install` puts where: the library with its public headers, find_package(transom) and pkg-config files, the
# command, its manual pages and its shell completion. Everything finds everything else relative to itself, so an installed
# tree may be moved.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/transom)
install(TARGETS transom EXPORT transom
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT transom NAMESPACE transom:: FILE transomTargets.cmake DESTINATION ${package_dir})
configure_package_config_file(cmake/transomConfig.cmake.in transomConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(transomConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/transomConfig.cmake ${PROJECT_BINARY_DIR}/transomConfigVersion.cmake
  DESTINATION ${package_dir})

cmake_path(IS_ABSOLUTE CMAKE_INSTALL_LIBDIR absolute_libdir)
if(absolute_libdir)
  set(pc_prefix ${CMAKE_INSTALL_PREFIX})
  set(pc_libdir ${CMAKE_INSTALL_LIBDIR})
else()
  file(RELATIVE_PATH up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
  string(REGEX REPLACE "/$" "" up ${up})
  set(pc_prefix "\${pcfiledir}/${up}")
  set(pc_libdir "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
endif()
configure_file(cmake/transom.pc.in transom.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/transom.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

if(TARGET transom_tool)
  install(TARGETS transom_tool RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
foreach(section 1 3 5 7)
  file(GLOB pages CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/man/*.${section})
  if(pages)
    install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
  endif()
endforeach()
if(EXISTS ${PROJECT_SOURCE_DIR}/tools/transom.bash)
  install(FILES ${PROJECT_SOURCE_DIR}/tools/transom.bash
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME transom)
endif()
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/transom)
