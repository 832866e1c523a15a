/*=========================================================================

  Program:   Metapinn
  Module:    metapinn.cxx

  Copyright (c) 2026, the Metapinn authors
  All rights reserved.
  SPDX-License-Identifier: BSD-3-Clause
  See LICENSE for details.

     This software is distributed WITHOUT ANY WARRANTY; without even
     the implied warranty of MERCHANTABILITY or FITNESS FOR A PARTICULAR
     PURPOSE.  See the above copyright notice for more information.

=========================================================================*/
// The program metapinn with VTK's file formats.
#include "vtkMetapinnFiles.h"

int main(int argc, char* argv[])
{
  std::size_t count = 0;
  const mpinn_cli_format* formats = vtkMetapinnFileFormats(count);
  return mpinn_cli_main(argc, argv, formats, count);
}
