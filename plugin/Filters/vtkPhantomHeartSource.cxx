/*=========================================================================

  Program:   Metapinn
  Module:    vtkPhantomHeartSource.cxx

  Copyright (c) 2026, the Metapinn authors
  All rights reserved.
  SPDX-License-Identifier: BSD-3-Clause
  See LICENSE for details.

     This software is distributed WITHOUT ANY WARRANTY; without even
     the implied warranty of MERCHANTABILITY or FITNESS FOR A PARTICULAR
     PURPOSE.  See the above copyright notice for more information.

=========================================================================*/
#include "vtkPhantomHeartSource.h"

#include "vtkMetapinnConvert.h"

#include "vtkCellArray.h"
#include "vtkCleanPolyData.h"
#include "vtkDataSetSurfaceFilter.h"
#include "vtkExecutive.h"
#include "vtkFloatArray.h"
#include "vtkIdList.h"
#include "vtkInformation.h"
#include "vtkInformationVector.h"
#include "vtkIntArray.h"
#include "vtkNew.h"
#include "vtkObjectFactory.h"
#include "vtkPointData.h"
#include "vtkPolyData.h"
#include "vtkStreamingDemandDrivenPipeline.h"
#include "vtkUnstructuredGrid.h"

#include "metapinn/phantom.h"

#include <algorithm>
#include <cstring>
#include <limits>

vtkStandardNewMacro(vtkPhantomHeartSource);

namespace
{
/** What an execution makes of the core's objects, freed whatever happens. */
struct Phantom
{
  ~Phantom() { mpinn_subject_destroy(&this->Subject); }
  mpinn_subject* Subject = nullptr;
};

/** The scar that the property Scar means. */
mpinn_status MakeScar(mpinn_context* context, const mpinn_subject* subject, int choice, int seed,
  double speed, mpinn_scar* scar)
{
  mpinn_status status = MPINN_OK;
  if (choice == vtkPhantomHeartSource::SCAR_RANDOM)
  {
    status = mpinn_scar_random(context, subject, static_cast<uint64_t>(seed), scar);
  }
  else
  {
    mpinn_scar_paper(choice - vtkPhantomHeartSource::SCAR_PAPER_1, scar);
  }
  scar->speed = speed;
  return status;
}

bool IsEndocardium(int surfaceClass)
{
  return surfaceClass == MPINN_CLASS_LV_ENDOCARDIUM || surfaceClass == MPINN_CLASS_RV_ENDOCARDIUM;
}

/** The triangles of the boundary whose three nodes are endocardial, with all arrays of the heart's
 * nodes. */
void ExtractEndocardium(vtkUnstructuredGrid* heart, vtkPolyData* endocardium)
{
  vtkNew<vtkDataSetSurfaceFilter> boundary;
  boundary->SetInputData(heart);
  boundary->Update();
  vtkPolyData* surface = boundary->GetOutput();
  const int* classes =
    vtkIntArray::SafeDownCast(surface->GetPointData()->GetArray("surface_class"))->GetPointer(0);
  vtkNew<vtkCellArray> triangles;
  vtkNew<vtkIdList> cell;
  for (vtkIdType c = 0; c < surface->GetNumberOfPolys(); ++c)
  {
    surface->GetPolys()->GetCellAtId(c, cell);
    const vtkIdType* nodes = cell->GetPointer(0);
    if (IsEndocardium(classes[nodes[0]]) && classes[nodes[0]] == classes[nodes[1]] &&
      classes[nodes[0]] == classes[nodes[2]])
    {
      triangles->InsertNextCell(cell);
    }
  }
  vtkNew<vtkPolyData> chosen;
  chosen->SetPoints(surface->GetPoints());
  chosen->SetPolys(triangles);
  chosen->GetPointData()->ShallowCopy(surface->GetPointData());
  vtkNew<vtkCleanPolyData> used; // drops the nodes of no triangle
  used->PointMergingOff();
  used->SetInputData(chosen);
  used->Update();
  endocardium->ShallowCopy(used->GetOutput());
}

/** Leaves of the maps what was measured, and of the truth nothing. */
void KeepMeasured(vtkPolyData* endocardium)
{
  vtkPointData* data = endocardium->GetPointData();
  data->RemoveArray("CV");
  const int* measured = vtkIntArray::SafeDownCast(data->GetArray("measured"))->GetPointer(0);
  for (int i = 0; i < data->GetNumberOfArrays(); ++i)
  {
    auto* map = vtkFloatArray::SafeDownCast(data->GetArray(i));
    if (!map || strncmp(map->GetName(), "AT_", 3) != 0)
    {
      continue;
    }
    for (vtkIdType j = 0; j < map->GetNumberOfTuples(); ++j)
    {
      if (!measured[j])
      {
        map->GetPointer(0)[j] = std::numeric_limits<float>::quiet_NaN();
      }
    }
  }
}
}

//------------------------------------------------------------------------------
vtkPhantomHeartSource::vtkPhantomHeartSource()
{
  this->SetNumberOfInputPorts(0);
  this->SetNumberOfOutputPorts(2);
}

//------------------------------------------------------------------------------
vtkPolyData* vtkPhantomHeartSource::GetMeasuredOutput()
{
  return vtkPolyData::SafeDownCast(this->GetOutputDataObject(1));
}

//------------------------------------------------------------------------------
int vtkPhantomHeartSource::FillOutputPortInformation(int port, vtkInformation* info)
{
  info->Set(vtkDataObject::DATA_TYPE_NAME(), port == 0 ? "vtkUnstructuredGrid" : "vtkPolyData");
  return 1;
}

//------------------------------------------------------------------------------
int vtkPhantomHeartSource::RequestInformation(
  vtkInformation*, vtkInformationVector**, vtkInformationVector* outputVector)
{
  for (int port = 0; port < 2; ++port)
  {
    outputVector->GetInformationObject(port)->Set(vtkAlgorithm::CAN_HANDLE_PIECE_REQUEST(), 1);
  }
  return 1;
}

//------------------------------------------------------------------------------
int vtkPhantomHeartSource::RequestData(
  vtkInformation* request, vtkInformationVector**, vtkInformationVector* outputVector)
{
  vtkUnstructuredGrid* heart = vtkUnstructuredGrid::GetData(outputVector, 0);
  vtkPolyData* endocardium = vtkPolyData::GetData(outputVector, 1);
  const int port = std::max(0, request->Get(vtkExecutive::FROM_OUTPUT_PORT()));
  const int piece = outputVector->GetInformationObject(port)->Get(
    vtkStreamingDemandDrivenPipeline::UPDATE_PIECE_NUMBER());
  // VTK 9.2 leaves the flag of an earlier abort set; not through SetAbortExecute(), which would
  // call Modified().
  this->AbortExecute = 0;
  if (piece > 0)
  {
    return 1; // the whole heart is in the first piece
  }

  vtkMetapinnRun run(this, this->NumberOfThreads);
  Phantom phantom;
  mpinn_phantom_options options;
  mpinn_phantom_options_default(&options);
  options.seed = static_cast<uint64_t>(this->Seed);
  options.nodes = static_cast<size_t>(this->NumberOfNodes);
  options.ventricles = static_cast<mpinn_ventricles>(this->Ventricles);
  options.variation = this->Variation;
  options.size = this->Size;
  run.SetPart(0.0, 0.4);
  mpinn_status status = mpinn_phantom_create(run, &options, &phantom.Subject);

  mpinn_scar scar = {};
  const size_t scars = this->Scar == SCAR_NONE ? 0 : 1;
  if (status == MPINN_OK && scars > 0)
  {
    status = MakeScar(run, phantom.Subject, this->Scar, this->ScarSeed, this->ScarVelocity, &scar);
  }
  if (status == MPINN_OK)
  {
    status = mpinn_subject_set_scars(run, phantom.Subject, this->HealthyVelocity, scars, &scar);
  }
  const auto mapSeed = static_cast<uint64_t>(this->MapSeed);
  if (status == MPINN_OK)
  {
    mpinn_sampling sampling;
    mpinn_sampling_default(&sampling);
    sampling.seed = mapSeed;
    sampling.count = static_cast<size_t>(this->NumberOfMeasuredNodes);
    status = mpinn_subject_sample(run, phantom.Subject, &sampling);
  }
  if (status == MPINN_OK && this->NumberOfMaps > 0)
  {
    run.SetPart(0.4, 1.0);
    status = mpinn_subject_simulate_maps(
      run, phantom.Subject, static_cast<size_t>(this->NumberOfMaps), mapSeed, this->Refinements);
  }
  if (status != MPINN_OK)
  {
    if (status != MPINN_CANCELLED)
    {
      vtkErrorMacro(<< run.Error());
    }
    heart->Initialize();
    endocardium->Initialize();
    return 1;
  }
  vtkMetapinnConvert::CopyMesh(phantom.Subject, heart);
  vtkMetapinnConvert::CopyArrays(phantom.Subject, heart);
  heart->GetPointData()->SetActiveScalars("CV");
  ExtractEndocardium(heart, endocardium);
  KeepMeasured(endocardium);
  endocardium->GetPointData()->SetActiveScalars("AT_00");
  return 1;
}

//------------------------------------------------------------------------------
void vtkPhantomHeartSource::PrintSelf(ostream& os, vtkIndent indent)
{
  this->Superclass::PrintSelf(os, indent);
  os << indent << "Seed: " << this->Seed << "\n";
  os << indent << "NumberOfNodes: " << this->NumberOfNodes << "\n";
  os << indent << "Ventricles: " << this->Ventricles << "\n";
  os << indent << "Variation: " << this->Variation << "\n";
  os << indent << "Size: " << this->Size << "\n";
  os << indent << "Scar: " << this->Scar << "\n";
  os << indent << "ScarSeed: " << this->ScarSeed << "\n";
  os << indent << "HealthyVelocity: " << this->HealthyVelocity << "\n";
  os << indent << "ScarVelocity: " << this->ScarVelocity << "\n";
  os << indent << "NumberOfMaps: " << this->NumberOfMaps << "\n";
  os << indent << "MapSeed: " << this->MapSeed << "\n";
  os << indent << "NumberOfMeasuredNodes: " << this->NumberOfMeasuredNodes << "\n";
  os << indent << "Refinements: " << this->Refinements << "\n";
  os << indent << "NumberOfThreads: " << this->NumberOfThreads << "\n";
}
