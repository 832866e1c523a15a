/*=========================================================================

  Program:   Metapinn
  Module:    vtkActivationMapsWork.h

  Copyright (c) 2026, the Metapinn authors
  All rights reserved.
  SPDX-License-Identifier: BSD-3-Clause
  See LICENSE for details.

     This software is distributed WITHOUT ANY WARRANTY; without even
     the implied warranty of MERCHANTABILITY or FITNESS FOR A PARTICULAR
     PURPOSE.  See the above copyright notice for more information.

=========================================================================*/
/**
 * @class   vtkActivationMapsWork
 * @brief   What an execution of a vtkActivationMapsAlgorithm holds on the side of the C core.
 *
 * Not part of the module's interface.
 */

#ifndef vtkActivationMapsWork_h
#  define vtkActivationMapsWork_h

#  include "vtkMetapinnConvert.h"

#  include "metapinn/model.h"

#  include <string>
#  include <vector>

class vtkActivationMapsAlgorithm;

/** The weights that an execution read, for the next one. */
class vtkMetapinnModel
{
public:
  vtkMetapinnModel() = default;
  ~vtkMetapinnModel();
  vtkMetapinnModel(const vtkMetapinnModel&) = delete;
  void operator=(const vtkMetapinnModel&) = delete;

  /** Reads the file unless what is at hand is of it. The backend is vtkActivationMapsAlgorithm's.
   */
  mpinn_status Read(const std::string& path, int backend, int threads);

  mpinn_model* GetHandle() const { return this->Handle; }
  const char* Error() const { return this->Context ? mpinn_context_error(this->Context) : ""; }

private:
  void Clear();

  // The model's own, since it outlives the execution that read it.
  mpinn_context* Context = nullptr;
  mpinn_model* Handle = nullptr;
  std::string Key;
};

class vtkActivationMapsWork
{
public:
  explicit vtkActivationMapsWork(vtkActivationMapsAlgorithm* self);
  ~vtkActivationMapsWork();
  vtkActivationMapsWork(const vtkActivationMapsWork&) = delete;
  void operator=(const vtkActivationMapsWork&) = delete;

  /**
   * Which maps are meant, and the inputs as subjects, with the maps, with what the core gives
   * meaning to and, of the heart, with what else is wanted. measured may be null. On failure Error
   * holds the sentence.
   */
  mpinn_status TakeInputs(vtkDataObject* heart, vtkDataObject* measured,
    const vtkMetapinnConvert::ArrayChoice& wantedOfHeart);

  /** Reads weights, those shipped where the path is null or empty. */
  mpinn_status ReadModel(vtkMetapinnModel& model, const char* path);

  /** Puts the sentence of a failure of the core into Error. */
  mpinn_status Explain(mpinn_status status, const vtkMetapinnModel& model);

  /** The name of an array as a property holds it; ParaView's list calls no array "None". */
  static std::string ArrayName(const char* property);

  vtkMetapinnRun Run;
  mpinn_subject* Heart = nullptr;
  mpinn_subject* Surface = nullptr; ///< null: the heart carries the maps
  std::vector<std::string> Context; ///< names, at least one
  std::string Query;                ///< "": none is chosen
  std::string Error;

private:
  mpinn_status ChooseMaps(bool measured);

  vtkActivationMapsAlgorithm* Algorithm;
};

#endif
// VTK-HeaderTest-Exclude: vtkActivationMapsWork.h
