/*=========================================================================

  Program:   Metapinn
  Module:    vtkEikonalActivation.cxx

  Copyright (c) 2026, the Metapinn authors
  All rights reserved.
  SPDX-License-Identifier: BSD-3-Clause
  See LICENSE for details.

     This software is distributed WITHOUT ANY WARRANTY; without even
     the implied warranty of MERCHANTABILITY or FITNESS FOR A PARTICULAR
     PURPOSE.  See the above copyright notice for more information.

=========================================================================*/
#include "vtkEikonalActivation.h"

#include "vtkMetapinnConvert.h"

#include "vtkDataArray.h"
#include "vtkFloatArray.h"
#include "vtkInformation.h"
#include "vtkInformationVector.h"
#include "vtkMultiProcessController.h"
#include "vtkNew.h"
#include "vtkObjectFactory.h"
#include "vtkPointData.h"
#include "vtkPointSet.h"
#include "vtkSmartPointer.h"

#include "metapinn/eikonal.h"

#include <algorithm>
#include <chrono>

vtkStandardNewMacro(vtkEikonalActivation);
vtkCxxSetObjectMacro(vtkEikonalActivation, Controller, vtkMultiProcessController);

/** What one execution holds and frees. */
class vtkEikonalActivation::Work
{
public:
  explicit Work(vtkEikonalActivation* self)
    : Run(self, self->NumberOfThreads)
    , Self(self)
  {
  }

  ~Work()
  {
    mpinn_eikonal_destroy(&this->Solver);
    mpinn_subject_destroy(&this->Heart);
  }

  /** Everything but attaching the result: at[points of the heart]. On failure Error holds the
   * sentence. */
  mpinn_status Execute(vtkPointSet* heart, vtkDataObject* origins, vtkFloatArray* at)
  {
    mpinn_status status = this->GatherSites(origins);
    if (status == MPINN_OK)
    {
      status = this->Convert(heart);
    }
    if (status == MPINN_OK)
    {
      status = this->GatherVelocity(heart);
    }
    if (status == MPINN_OK)
    {
      status = this->Solve(at);
    }
    return status;
  }

  std::string Error;

private:
  mpinn_status Fail(mpinn_status status, const std::string& sentence)
  {
    this->Error = sentence;
    return status;
  }

  mpinn_status GatherSites(vtkDataObject* origins)
  {
    for (const auto& site : this->Self->Sites)
    {
      this->Sites.push_back({ { site[0], site[1], site[2] }, site[3] });
    }
    auto* points = vtkPointSet::SafeDownCast(origins);
    if (points && points->GetNumberOfPoints() > 0)
    {
      const char* name = this->Self->OnsetArray;
      const bool named = name && *name && strcmp(name, "None") != 0;
      vtkDataArray* onsets = named ? points->GetPointData()->GetArray(name) : nullptr;
      if (named && (!onsets || onsets->GetNumberOfComponents() != 1))
      {
        return this->Fail(MPINN_ERROR_ARGUMENT,
          std::string("The points of origin have no point array \"") + name +
            "\" of one component: the onset of each, in ms, is expected in it.");
      }
      for (vtkIdType i = 0; i < points->GetNumberOfPoints(); ++i)
      {
        mpinn_site site = {};
        points->GetPoint(i, site.position);
        site.onset = onsets ? onsets->GetTuple1(i) : 0.0;
        this->Sites.push_back(site);
      }
    }
    if (this->Sites.empty())
    {
      return this->Fail(MPINN_ERROR_ARGUMENT,
        "No site of origin is given: at least one is expected, as a position under Sites or as a "
        "point of the "
        "second input.");
    }
    return MPINN_OK;
  }

  mpinn_status Convert(vtkPointSet* heart)
  {
    std::vector<std::string> names;
    for (int i = 0; i < 3; ++i)
    {
      int association = 0;
      vtkDataArray* array =
        this->Wants(i) ? this->Self->GetInputArrayToProcess(i, heart, association) : nullptr;
      if (array && array->GetName())
      {
        names.emplace_back(array->GetName());
      }
    }
    auto wanted = [&names](const char* name)
    { return std::find(names.begin(), names.end(), name) != names.end(); };
    vtkMetapinnConvert::Cells cells;
    const mpinn_status status = vtkMetapinnConvert::ToSubject(
      this->Run, heart, "heart", wanted, &this->Heart, cells, this->Error);
    if (!cells.Notice.empty())
    {
      vtkWarningWithObjectMacro(this->Self, << cells.Notice);
    }
    return status;
  }

  /** Whether the velocity mode uses the input array to process of this number. */
  bool Wants(int i) const
  {
    return this->Self->VelocityMode == (i == 0 ? VELOCITY_ARRAY : VELOCITY_FIBRES);
  }

  /** Input array to process number i as the core's, of so many components; null where there is
   * none. */
  const mpinn_array* FindArray(vtkPointSet* heart, int i, size_t components)
  {
    int association = 0;
    vtkDataArray* array = this->Self->GetInputArrayToProcess(i, heart, association);
    if (!array || !array->GetName())
    {
      return nullptr;
    }
    const mpinn_array* found = mpinn_subject_find(this->Heart, array->GetName(),
      association == vtkDataObject::FIELD_ASSOCIATION_CELLS ? MPINN_CELLS : MPINN_NODES);
    return found && found->components == components ? found : nullptr;
  }

  mpinn_status GatherVelocity(vtkPointSet* heart)
  {
    mpinn_velocity_default(&this->Velocity);
    this->Velocity.uniform = this->Self->ConductionVelocity;
    if (this->Self->VelocityMode == VELOCITY_ARRAY)
    {
      const mpinn_array* speed = this->FindArray(heart, 0, 1);
      if (!speed)
      {
        return this->Fail(MPINN_ERROR_ARGUMENT,
          "No conduction velocity is chosen: a point or cell array of one component, in m/s, is "
          "expected.");
      }
      this->Values[0] = vtkMetapinnConvert::Floats(speed);
      this->Velocity.association = speed->association;
      this->Velocity.speed = this->Values[0].data();
    }
    if (this->Self->VelocityMode == VELOCITY_FIBRES)
    {
      const mpinn_array* fibre = this->FindArray(heart, 1, 3);
      const mpinn_array* sheet = this->FindArray(heart, 2, 3);
      if (!fibre || (sheet && sheet->association != fibre->association))
      {
        return this->Fail(MPINN_ERROR_ARGUMENT,
          "No fibres are chosen: a point or cell array of three components is expected, and "
          "sheets, if any, as the "
          "same kind of data.");
      }
      this->Values[0] = vtkMetapinnConvert::Floats(fibre);
      this->Velocity.association = fibre->association;
      this->Velocity.fibre = this->Values[0].data();
      if (sheet)
      {
        this->Values[1] = vtkMetapinnConvert::Floats(sheet);
        this->Velocity.sheet = this->Values[1].data();
      }
      std::copy_n(this->Self->AxesVelocities, 3, this->Velocity.uniform_axes);
    }
    return MPINN_OK;
  }

  mpinn_status Solve(vtkFloatArray* at)
  {
    const auto start = std::chrono::steady_clock::now();
    mpinn_status status = mpinn_eikonal_create(
      this->Run, mpinn_subject_mesh(this->Heart), &this->Velocity, &this->Solver);
    if (status == MPINN_OK)
    {
      status = mpinn_eikonal_solve(
        this->Run, this->Solver, this->Sites.size(), this->Sites.data(), at->GetPointer(0));
    }
    this->Self->Seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return status == MPINN_OK ? status : this->Fail(status, this->Run.Error());
  }

  vtkMetapinnRun Run;
  vtkEikonalActivation* Self;
  mpinn_subject* Heart = nullptr;
  mpinn_eikonal* Solver = nullptr;
  std::vector<mpinn_site> Sites;
  mpinn_velocity Velocity = {};
  std::vector<float> Values[2];
};

//------------------------------------------------------------------------------
vtkEikonalActivation::vtkEikonalActivation()
{
  this->SetNumberOfInputPorts(2);
  this->SetOutputArrayName("AT");
  const char* const arrays[] = { "CV", "fibre", "sheet" };
  for (int i = 0; i < 3; ++i)
  {
    this->SetInputArrayToProcess(i, 0, 0, vtkDataObject::FIELD_ASSOCIATION_POINTS, arrays[i]);
  }
  this->SetController(vtkMultiProcessController::GetGlobalController());
}

//------------------------------------------------------------------------------
vtkEikonalActivation::~vtkEikonalActivation()
{
  this->SetOnsetArray(nullptr);
  this->SetOutputArrayName(nullptr);
  this->SetController(nullptr);
}

//------------------------------------------------------------------------------
void vtkEikonalActivation::AddSite(double x, double y, double z, double onset)
{
  this->Sites.push_back({ x, y, z, onset });
  this->Modified();
}

//------------------------------------------------------------------------------
void vtkEikonalActivation::ClearSites()
{
  if (!this->Sites.empty())
  {
    this->Sites.clear();
    this->Modified();
  }
}

//------------------------------------------------------------------------------
int vtkEikonalActivation::FillInputPortInformation(int port, vtkInformation* info)
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
int vtkEikonalActivation::RequestData(
  vtkInformation*, vtkInformationVector** inputVector, vtkInformationVector* outputVector)
{
  vtkPointSet* heart = vtkPointSet::GetData(inputVector[0], 0);
  vtkDataObject* origins = vtkDataObject::GetData(inputVector[1], 0);
  vtkPointSet* output = vtkPointSet::GetData(outputVector, 0);
  // VTK 9.2 leaves the flag of an earlier abort set, and every later run would stop at once. Not
  // through SetAbortExecute(), which would call Modified().
  this->AbortExecute = 0;
  this->Seconds = 0.0;

  std::string error;
  const auto share = vtkMetapinnConvert::ShareOf(this, this->Controller, heart, origins, error);
  vtkNew<vtkFloatArray> at;
  mpinn_status status = share == vtkMetapinnConvert::Share::Spread ? MPINN_ERROR_MESH : MPINN_OK;
  if (share == vtkMetapinnConvert::Share::Whole)
  {
    at->SetName(this->OutputArrayName && *this->OutputArrayName ? this->OutputArrayName : "AT");
    at->SetNumberOfValues(heart->GetNumberOfPoints());
    Work work(this);
    const auto joined = origins ? vtkMetapinnConvert::Join(origins) : nullptr;
    status = work.Execute(heart, joined, at);
    error = work.Error;
  }
  if (status != MPINN_OK && status != MPINN_CANCELLED)
  {
    vtkErrorMacro(<< error);
  }
  if (status != MPINN_OK || share == vtkMetapinnConvert::Share::Nothing)
  {
    // 1, not 0: after a 0 the executive adds an error of its own that nobody can read.
    output->Initialize();
    return 1;
  }
  output->ShallowCopy(heart);
  output->GetPointData()->AddArray(at);
  output->GetPointData()->SetActiveScalars(at->GetName());
  return 1;
}

//------------------------------------------------------------------------------
void vtkEikonalActivation::PrintSelf(ostream& os, vtkIndent indent)
{
  this->Superclass::PrintSelf(os, indent);
  os << indent << "VelocityMode: " << this->VelocityMode << "\n";
  os << indent << "ConductionVelocity: " << this->ConductionVelocity << "\n";
  os << indent << "AxesVelocities: " << this->AxesVelocities[0] << " " << this->AxesVelocities[1]
     << " " << this->AxesVelocities[2] << "\n";
  os << indent << "Number of sites: " << this->Sites.size() << "\n";
  os << indent << "OnsetArray: " << (this->OnsetArray ? this->OnsetArray : "(none)") << "\n";
  os << indent << "OutputArrayName: " << (this->OutputArrayName ? this->OutputArrayName : "(none)")
     << "\n";
  os << indent << "NumberOfThreads: " << this->NumberOfThreads << "\n";
  os << indent << "Seconds: " << this->Seconds << "\n";
  os << indent << "Controller: " << this->Controller << "\n";
}
