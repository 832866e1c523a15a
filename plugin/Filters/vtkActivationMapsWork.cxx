/*=========================================================================

  Program:   Metapinn
  Module:    vtkActivationMapsWork.cxx

  Copyright (c) 2026, the Metapinn authors
  All rights reserved.
  SPDX-License-Identifier: BSD-3-Clause
  See LICENSE for details.

     This software is distributed WITHOUT ANY WARRANTY; without even
     the implied warranty of MERCHANTABILITY or FITNESS FOR A PARTICULAR
     PURPOSE.  See the above copyright notice for more information.

=========================================================================*/
#include "vtkActivationMapsWork.h"

#include "vtkActivationMapsAlgorithm.h"

#include "vtkDataArraySelection.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <sstream>

//------------------------------------------------------------------------------
vtkMetapinnModel::~vtkMetapinnModel()
{
  this->Clear();
}

//------------------------------------------------------------------------------
void vtkMetapinnModel::Clear()
{
  mpinn_model_destroy(&this->Handle);
  mpinn_context_destroy(&this->Context);
}

//------------------------------------------------------------------------------
mpinn_status vtkMetapinnModel::Read(const std::string& path, int backend, int threads)
{
  const mpinn_backend_kind kinds[] = { MPINN_BACKEND_AUTO, MPINN_BACKEND_CPU, MPINN_BACKEND_CUDA };
  std::error_code none;
  std::ostringstream key;
  key << path << '\n'
      << std::filesystem::last_write_time(path, none).time_since_epoch().count() << '\n'
      << std::filesystem::file_size(path, none) << '\n'
      << backend << ' ' << threads;
  if (this->Handle && key.str() == this->Key)
  {
    return MPINN_OK;
  }
  this->Clear();
  this->Key = key.str();
  mpinn_context_options options;
  mpinn_context_options_default(&options);
  options.threads = threads;
  const mpinn_status status = mpinn_context_create(&options, &this->Context);
  return status == MPINN_OK
    ? mpinn_model_read(this->Context, path.c_str(), kinds[backend], &this->Handle)
    : status;
}

//------------------------------------------------------------------------------
vtkActivationMapsWork::vtkActivationMapsWork(vtkActivationMapsAlgorithm* self)
  : Run(self, self->GetNumberOfThreads())
  , Algorithm(self)
{
}

//------------------------------------------------------------------------------
vtkActivationMapsWork::~vtkActivationMapsWork()
{
  mpinn_subject_destroy(&this->Heart);
  mpinn_subject_destroy(&this->Surface);
}

//------------------------------------------------------------------------------
std::string vtkActivationMapsWork::ArrayName(const char* property)
{
  return property && strcmp(property, "None") != 0 ? property : "";
}

//------------------------------------------------------------------------------
mpinn_status vtkActivationMapsWork::ChooseMaps(bool measured)
{
  vtkDataArraySelection* arrays = this->Algorithm->GetMeasuredContextArrays();
  if (!measured || arrays->GetNumberOfArraysEnabled() == 0)
  {
    arrays = this->Algorithm->GetContextArrays();
  }
  for (int i = 0; i < arrays->GetNumberOfArrays(); ++i)
  {
    if (arrays->GetArraySetting(i))
    {
      this->Context.emplace_back(arrays->GetArrayName(i));
    }
  }
  if (this->Context.empty())
  {
    this->Error =
      "No context map is chosen: tick at least one activation map under Context Arrays.";
    return MPINN_ERROR_MAP;
  }
  this->Query = measured ? ArrayName(this->Algorithm->GetMeasuredQueryArray()) : "";
  if (this->Query.empty())
  {
    this->Query = ArrayName(this->Algorithm->GetQueryArray());
  }
  return MPINN_OK;
}

//------------------------------------------------------------------------------
mpinn_status vtkActivationMapsWork::TakeInputs(vtkDataObject* heart, vtkDataObject* measured,
  const vtkMetapinnConvert::ArrayChoice& wantedOfHeart)
{
  const auto wanted = [this](const char* name)
  {
    return vtkMetapinnConvert::KnownArray(name) || this->Query == name ||
      std::find(this->Context.begin(), this->Context.end(), name) != this->Context.end();
  };
  const auto any = [&](const char* name) { return wanted(name) || wantedOfHeart(name); };
  mpinn_status status = this->ChooseMaps(measured != nullptr);
  if (status != MPINN_OK)
  {
    return status;
  }
  vtkMetapinnConvert::Cells cells;
  status =
    vtkMetapinnConvert::ToSubject(this->Run, heart, "heart", any, &this->Heart, cells, this->Error);
  if (!cells.Notice.empty())
  {
    vtkWarningWithObjectMacro(this->Algorithm, << cells.Notice);
  }
  if (status == MPINN_OK && measured)
  {
    status = vtkMetapinnConvert::ToMeasuredSubject(
      this->Run, measured, "measured surface", wanted, &this->Surface, this->Error);
  }
  return status;
}

//------------------------------------------------------------------------------
mpinn_status vtkActivationMapsWork::ReadModel(vtkMetapinnModel& model, const char* path)
{
  const std::string file = path && *path ? path : vtkMetapinnConvert::ShippedWeights();
  const mpinn_status status =
    model.Read(file, this->Algorithm->GetBackend(), this->Algorithm->GetNumberOfThreads());
  if (status != MPINN_OK)
  {
    this->Error = model.Error();
  }
  return status;
}

//------------------------------------------------------------------------------
mpinn_status vtkActivationMapsWork::Explain(mpinn_status status, const vtkMetapinnModel& model)
{
  if (status != MPINN_OK)
  {
    this->Error = *this->Run.Error() ? this->Run.Error() : model.Error();
  }
  return status;
}
