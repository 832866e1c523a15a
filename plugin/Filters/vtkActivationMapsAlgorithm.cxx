/*=========================================================================

  Program:   Metapinn
  Module:    vtkActivationMapsAlgorithm.cxx

  Copyright (c) 2026, the Metapinn authors
  All rights reserved.
  SPDX-License-Identifier: BSD-3-Clause
  See LICENSE for details.

     This software is distributed WITHOUT ANY WARRANTY; without even
     the implied warranty of MERCHANTABILITY or FITNESS FOR A PARTICULAR
     PURPOSE.  See the above copyright notice for more information.

=========================================================================*/
#include "vtkActivationMapsAlgorithm.h"

#include "vtkDataArraySelection.h"
#include "vtkInformation.h"
#include "vtkMultiProcessController.h"

#include "metapinn/map_names.h"

#include <algorithm>

vtkCxxSetObjectMacro(vtkActivationMapsAlgorithm, Controller, vtkMultiProcessController);

//------------------------------------------------------------------------------
vtkActivationMapsAlgorithm::vtkActivationMapsAlgorithm()
{
  this->SetNumberOfInputPorts(2);
  this->SetController(vtkMultiProcessController::GetGlobalController());
}

//------------------------------------------------------------------------------
vtkActivationMapsAlgorithm::~vtkActivationMapsAlgorithm()
{
  this->SetQueryArray(nullptr);
  this->SetMeasuredQueryArray(nullptr);
  this->SetWeights(nullptr);
  this->SetController(nullptr);
}

//------------------------------------------------------------------------------
void vtkActivationMapsAlgorithm::AddContextArray(const char* name)
{
  if (name && *name)
  {
    this->ContextArrays->EnableArray(name);
  }
}

//------------------------------------------------------------------------------
void vtkActivationMapsAlgorithm::ClearContextArrays()
{
  this->ContextArrays->RemoveAllArrays();
}

//------------------------------------------------------------------------------
void vtkActivationMapsAlgorithm::AddMeasuredContextArray(const char* name)
{
  if (name && *name)
  {
    this->MeasuredContextArrays->EnableArray(name);
  }
}

//------------------------------------------------------------------------------
void vtkActivationMapsAlgorithm::ClearMeasuredContextArrays()
{
  this->MeasuredContextArrays->RemoveAllArrays();
}

//------------------------------------------------------------------------------
bool vtkActivationMapsAlgorithm::IsActivationMap(const char* name)
{
  return name && mpinn_map_name_is_activation(name);
}

//------------------------------------------------------------------------------
vtkMTimeType vtkActivationMapsAlgorithm::GetMTime()
{
  return std::max({ this->Superclass::GetMTime(), this->ContextArrays->GetMTime(),
    this->MeasuredContextArrays->GetMTime() });
}

//------------------------------------------------------------------------------
int vtkActivationMapsAlgorithm::FillInputPortInformation(int port, vtkInformation* info)
{
  info->Remove(vtkAlgorithm::INPUT_REQUIRED_DATA_TYPE());
  if (port == 0)
  {
    info->Append(vtkAlgorithm::INPUT_REQUIRED_DATA_TYPE(), "vtkUnstructuredGrid");
    info->Append(vtkAlgorithm::INPUT_REQUIRED_DATA_TYPE(), "vtkPolyData");
    return 1;
  }
  info->Append(vtkAlgorithm::INPUT_REQUIRED_DATA_TYPE(), "vtkPointSet");
  info->Append(vtkAlgorithm::INPUT_REQUIRED_DATA_TYPE(), "vtkCompositeDataSet");
  info->Set(vtkAlgorithm::INPUT_IS_OPTIONAL(), 1);
  return 1;
}

//------------------------------------------------------------------------------
void vtkActivationMapsAlgorithm::PrintSelf(ostream& os, vtkIndent indent)
{
  this->Superclass::PrintSelf(os, indent);
  os << indent << "ContextArrays:\n";
  this->ContextArrays->PrintSelf(os, indent.GetNextIndent());
  os << indent << "MeasuredContextArrays:\n";
  this->MeasuredContextArrays->PrintSelf(os, indent.GetNextIndent());
  os << indent << "QueryArray: " << (this->QueryArray ? this->QueryArray : "(none)") << "\n";
  os << indent
     << "MeasuredQueryArray: " << (this->MeasuredQueryArray ? this->MeasuredQueryArray : "(none)")
     << "\n";
  os << indent << "Weights: " << (this->Weights ? this->Weights : "(those shipped)") << "\n";
  os << indent << "NumberOfThreads: " << this->NumberOfThreads << "\n";
  os << indent << "Backend: " << this->Backend << "\n";
  os << indent << "Controller: " << this->Controller << "\n";
}
