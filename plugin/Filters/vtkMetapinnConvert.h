/*=========================================================================

  Program:   Metapinn
  Module:    vtkMetapinnConvert.h

  Copyright (c) 2026, the Metapinn authors
  All rights reserved.
  SPDX-License-Identifier: BSD-3-Clause
  See LICENSE for details.

     This software is distributed WITHOUT ANY WARRANTY; without even
     the implied warranty of MERCHANTABILITY or FITNESS FOR A PARTICULAR
     PURPOSE.  See the above copyright notice for more information.

=========================================================================*/
/**
 * @namespace vtkMetapinnConvert
 * @brief     Between VTK's data sets and the subjects of the C core.
 *
 * Not part of the module's interface: for its filters and for the program that reads and writes VTK
 * files. Nodes keep their ids in both directions. Raw pointers are handed over; nothing is called
 * per point or per cell, since Debian builds ParaView without optimization.
 */

#ifndef vtkMetapinnConvert_h
#  define vtkMetapinnConvert_h

#  include "MetapinnFiltersModule.h" // For export macro
#  include "vtkSmartPointer.h"       // For vtkSmartPointer
#  include "vtkType.h"               // For vtkIdType

#  include "metapinn/subject.h"

#  include <functional>
#  include <string>
#  include <vector>

class vtkAbstractArray;
class vtkAlgorithm;
class vtkDataArray;
class vtkDataObject;
class vtkDataSet;
class vtkMultiProcessController;
class vtkPointSet;

namespace vtkMetapinnConvert
{
/** Which cells of a data set the core's cells are. */
struct Cells
{
  std::vector<vtkIdType>
    Source;           ///< the data set's cell of each of the core's; empty: the same numbers
  std::string Notice; ///< what was done to cells that are not simplices; empty: nothing
};

/** Whether an array (by its name) is wanted in a subject. */
using ArrayChoice = std::function<bool(const char* name)>;

/** Chooses all arrays, or those that the core gives meaning to. */
METAPINNFILTERS_EXPORT bool AnyArray(const char* name);
METAPINNFILTERS_EXPORT bool KnownArray(const char* name);

/**
 * A subject of the tetrahedra of input or, where there is no volume, of its triangles. Other linear
 * or quadratic volume cells are cut into tetrahedra. what names the input in messages ("heart").
 * Numeric arrays that are wanted come along, and texts of the field data. On failure error has one
 * sentence.
 */
METAPINNFILTERS_EXPORT mpinn_status ToSubject(mpinn_context* context, vtkDataObject* input,
  const char* what, const ArrayChoice& wanted, mpinn_subject** subject, Cells& cells,
  std::string& error);

/**
 * A subject of the points and point arrays of a measured surface: any point set will do, sites of a
 * catheter without cells as well.
 */
METAPINNFILTERS_EXPORT mpinn_status ToMeasuredSubject(mpinn_context* context, vtkDataObject* input,
  const char* what, const ArrayChoice& wanted, mpinn_subject** subject, std::string& error);

/** Points and cells of a subject into an empty vtkUnstructuredGrid, or vtkPolyData for triangles.
 */
METAPINNFILTERS_EXPORT void CopyMesh(const mpinn_subject* subject, vtkPointSet* output);

/** A VTK array with a copy of the values of the core's. Its reference is the caller's. */
METAPINNFILTERS_EXPORT vtkDataArray* NewArray(const mpinn_array* array);

/** All arrays and texts of a subject onto output, whose nodes and cells are the subject's. */
METAPINNFILTERS_EXPORT void CopyArrays(const mpinn_subject* subject, vtkDataSet* output);

/** The texts of a subject into the field data of output, as string arrays. */
METAPINNFILTERS_EXPORT void CopyTexts(const mpinn_subject* subject, vtkDataObject* output);

/** Whether a text of the field data, by its name, is one that the core's answers have. */
METAPINNFILTERS_EXPORT bool IsAnswerText(const char* name);

/**
 * Makes an array of output what it is on the subject that was made of it: replaced, or taken away
 * where the subject has none. Cells says which of output's cells the subject's are: others get NaN,
 * and one that was cut has the value of one of its parts.
 */
METAPINNFILTERS_EXPORT void TakePointArray(
  const mpinn_subject* subject, const char* name, vtkDataSet* output);
METAPINNFILTERS_EXPORT void TakeCellArray(
  const mpinn_subject* subject, const char* name, const Cells& cells, vtkDataSet* output);

/** The same for the texts of an answer. */
METAPINNFILTERS_EXPORT void TakeAnswerTexts(const mpinn_subject* subject, vtkDataObject* output);

/**
 * The path of the weights to use where none are named: those of the environment variable
 * METAPINN_MODEL, else those that come with Metapinn.
 */
METAPINNFILTERS_EXPORT std::string ShippedWeights();

/** One string into the field data of output. */
METAPINNFILTERS_EXPORT void SetText(
  vtkDataObject* output, const char* name, const std::string& text);

/** The blocks of composite data as one data set; other data as they are. */
METAPINNFILTERS_EXPORT vtkSmartPointer<vtkDataObject> Join(vtkDataObject* data);

/** What a rank has of a heart. */
enum class Share
{
  Whole,   ///< all of it, and of what goes with it
  Nothing, ///< an empty piece: another rank has the heart
  Spread   ///< several ranks have parts; error says so
};

/**
 * What this rank has of heart (the first input of algorithm) and of second (may be null). Every
 * rank has to ask, unless the first input is composite: then all of several ranks get Spread.
 */
METAPINNFILTERS_EXPORT Share ShareOf(vtkAlgorithm* algorithm, vtkMultiProcessController* controller,
  vtkDataObject* heart, vtkDataObject* second, std::string& error);

/** The values of an array of the core as floats. */
METAPINNFILTERS_EXPORT std::vector<float> Floats(const mpinn_array* array);
}

/**
 * A context of the core whose messages and progress go to a VTK algorithm, and which the
 * algorithm's AbortExecute cancels.
 */
class METAPINNFILTERS_EXPORT vtkMetapinnRun
{
public:
  vtkMetapinnRun(vtkAlgorithm* algorithm, int threads);
  ~vtkMetapinnRun();
  vtkMetapinnRun(const vtkMetapinnRun&) = delete;
  void operator=(const vtkMetapinnRun&) = delete;

  operator mpinn_context*() const { return this->Context; }
  const char* Error() const { return mpinn_context_error(this->Context); }

  /** From now on the core's warnings are added to notes and shown nowhere. */
  void KeepWarnings(std::string& notes) { this->Notes = &notes; }

  /** Progress of what comes next is mapped into this part of the algorithm's 0 to 1. */
  void SetPart(double from, double to);

private:
  static void Log(void* user, mpinn_log_level level, const char* message);
  static bool Progress(void* user, double fraction, const char* what);

  vtkAlgorithm* Algorithm;
  mpinn_context* Context = nullptr;
  std::string* Notes = nullptr;
  double From = 0.0;
  double To = 1.0;
};

#endif
// VTK-HeaderTest-Exclude: vtkMetapinnConvert.h
