/*=========================================================================

  Program:   Metapinn
  Module:    vtkMetapinnWhatIf.cxx

  Copyright (c) 2026, the Metapinn authors
  All rights reserved.
  SPDX-License-Identifier: BSD-3-Clause
  See LICENSE for details.

     This software is distributed WITHOUT ANY WARRANTY; without even
     the implied warranty of MERCHANTABILITY or FITNESS FOR A PARTICULAR
     PURPOSE.  See the above copyright notice for more information.

=========================================================================*/
#include "vtkMetapinnWhatIf.h"

#include "vtkMetapinnConvert.h"

#include "vtkDataArray.h"
#include "vtkFieldData.h"
#include "vtkInformation.h"
#include "vtkInformationVector.h"
#include "vtkMultiProcessController.h"
#include "vtkObjectFactory.h"
#include "vtkPointData.h"
#include "vtkPointSet.h"
#include "vtkSmartPointer.h"

#include "metapinn/what_if.h"

#include <chrono>

vtkStandardNewMacro(vtkMetapinnWhatIf);
vtkCxxSetObjectMacro(vtkMetapinnWhatIf, Controller, vtkMultiProcessController);

namespace
{
const char* const ActivationName = "AT_whatif";
const char* const VelocityName = "CV_whatif";
const char* const NoticeName = "Notice_whatif";
}

/** What one execution holds and frees. */
class vtkMetapinnWhatIf::Work
{
public:
  explicit Work(vtkMetapinnWhatIf* self)
    : Run(self, self->NumberOfThreads)
    , Self(self)
  {
    this->Run.KeepWarnings(this->Notes);
  }

  ~Work() { mpinn_subject_destroy(&this->Heart); }

  /** Everything but attaching the results. On failure Error holds the sentence. */
  mpinn_status Execute(vtkPointSet* heart)
  {
    const mpinn_status status = this->Convert(heart);
    return status == MPINN_OK ? this->Ask() : status;
  }

  mpinn_subject* Heart = nullptr;
  vtkMetapinnConvert::Cells Cells;
  std::string Error, Notes;
  double Seconds = 0.0;

private:
  /** The heart with the velocity, and with what an earlier question left. */
  mpinn_status Convert(vtkPointSet* heart)
  {
    const char* chosen = this->Self->VelocityArray;
    this->Velocity = chosen && *chosen ? chosen : "CV";
    auto wanted = [this](const char* name)
    { return this->Velocity == name || vtkMetapinnConvert::IsAnswerText(name); };
    const mpinn_status status = vtkMetapinnConvert::ToSubject(
      this->Run, heart, "heart", wanted, &this->Heart, this->Cells, this->Error);
    if (!this->Cells.Notice.empty())
    {
      vtkWarningWithObjectMacro(this->Self, << this->Cells.Notice);
    }
    return status;
  }

  mpinn_status Ask()
  {
    const double* origin = this->Self->Origin;
    const double* center = this->Self->RegionCenter;
    std::vector<mpinn_site> sites = { { { origin[0], origin[1], origin[2] }, this->Self->Onset } };
    for (const auto& site : this->Self->Sites)
    {
      sites.push_back({ { site[0], site[1], site[2] }, site[3] });
    }
    std::vector<mpinn_what_if_region> regions;
    if (this->Self->UseRegion)
    {
      regions.push_back({ { center[0], center[1], center[2] }, this->Self->RegionRadius,
        this->Self->RegionVelocity });
    }
    for (const auto& region : this->Self->Regions)
    {
      regions.push_back({ { region[0], region[1], region[2] }, region[3], region[4] });
    }
    mpinn_what_if_options options;
    mpinn_what_if_options_default(&options);
    options.n_sites = sites.size();
    options.sites = sites.data();
    options.cv = this->Velocity.c_str();
    options.n_regions = regions.size();
    options.regions = regions.data();
    const auto start = std::chrono::steady_clock::now();
    const mpinn_status status = mpinn_what_if(this->Run, this->Heart, &options);
    this->Seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (status != MPINN_OK)
    {
      this->Error = this->Run.Error();
    }
    return status;
  }

  vtkMetapinnRun Run;
  vtkMetapinnWhatIf* Self;
  std::string Velocity;
};

//------------------------------------------------------------------------------
vtkMetapinnWhatIf::vtkMetapinnWhatIf()
{
  this->SetVelocityArray("CV");
  this->SetController(vtkMultiProcessController::GetGlobalController());
}

//------------------------------------------------------------------------------
vtkMetapinnWhatIf::~vtkMetapinnWhatIf()
{
  this->SetVelocityArray(nullptr);
  this->SetController(nullptr);
}

//------------------------------------------------------------------------------
void vtkMetapinnWhatIf::AddSite(double x, double y, double z, double onset)
{
  this->Sites.push_back({ x, y, z, onset });
  this->Modified();
}

//------------------------------------------------------------------------------
void vtkMetapinnWhatIf::ClearSites()
{
  if (!this->Sites.empty())
  {
    this->Sites.clear();
    this->Modified();
  }
}

//------------------------------------------------------------------------------
void vtkMetapinnWhatIf::AddRegion(double x, double y, double z, double radius, double velocity)
{
  this->Regions.push_back({ x, y, z, radius, velocity });
  this->Modified();
}

//------------------------------------------------------------------------------
void vtkMetapinnWhatIf::ClearRegions()
{
  if (!this->Regions.empty())
  {
    this->Regions.clear();
    this->Modified();
  }
}

//------------------------------------------------------------------------------
int vtkMetapinnWhatIf::FillInputPortInformation(int, vtkInformation* info)
{
  info->Remove(vtkAlgorithm::INPUT_REQUIRED_DATA_TYPE());
  info->Append(vtkAlgorithm::INPUT_REQUIRED_DATA_TYPE(), "vtkUnstructuredGrid");
  info->Append(vtkAlgorithm::INPUT_REQUIRED_DATA_TYPE(), "vtkPolyData");
  return 1;
}

//------------------------------------------------------------------------------
int vtkMetapinnWhatIf::RequestData(
  vtkInformation*, vtkInformationVector** inputVector, vtkInformationVector* outputVector)
{
  vtkPointSet* heart = vtkPointSet::GetData(inputVector[0], 0);
  vtkPointSet* output = vtkPointSet::GetData(outputVector, 0);
  // VTK 9.2 leaves the flag of an earlier abort set, and every later run would stop at once. Not
  // through SetAbortExecute(), which would call Modified().
  this->AbortExecute = 0;
  this->Seconds = this->LastActivation = 0.0;
  this->Notes.clear();

  std::string rankError;
  const auto share = vtkMetapinnConvert::ShareOf(this, this->Controller, heart, nullptr, rankError);
  if (share != vtkMetapinnConvert::Share::Whole)
  {
    if (share == vtkMetapinnConvert::Share::Spread)
    {
      vtkErrorMacro(<< rankError);
    }
    output->Initialize();
    return 1;
  }
  Work work(this);
  const mpinn_status status = work.Execute(heart);
  if (status != MPINN_OK)
  {
    if (status != MPINN_CANCELLED)
    {
      vtkErrorMacro(<< work.Error);
    }
    // 1, not 0: after a 0 the executive adds an error of its own that nobody can read.
    output->Initialize();
    return 1;
  }
  output->ShallowCopy(heart);
  vtkMetapinnConvert::TakePointArray(work.Heart, ActivationName, output);
  vtkMetapinnConvert::TakePointArray(work.Heart, VelocityName, output);
  vtkMetapinnConvert::TakeCellArray(work.Heart, VelocityName, work.Cells, output);
  vtkMetapinnConvert::TakeAnswerTexts(work.Heart, output);
  output->GetFieldData()->RemoveArray(NoticeName);
  if (!work.Notes.empty())
  {
    vtkMetapinnConvert::SetText(output, NoticeName, work.Notes);
  }
  output->GetPointData()->SetActiveScalars(ActivationName);
  this->Seconds = work.Seconds;
  this->LastActivation = output->GetPointData()->GetArray(ActivationName)->GetFiniteRange(0)[1];
  this->Notes = work.Notes;
  return 1;
}

//------------------------------------------------------------------------------
void vtkMetapinnWhatIf::PrintSelf(ostream& os, vtkIndent indent)
{
  this->Superclass::PrintSelf(os, indent);
  os << indent << "VelocityArray: " << (this->VelocityArray ? this->VelocityArray : "(none)")
     << "\n";
  os << indent << "Origin: " << this->Origin[0] << " " << this->Origin[1] << " " << this->Origin[2]
     << "\n";
  os << indent << "Onset: " << this->Onset << "\n";
  os << indent << "Number of further sites: " << this->Sites.size() << "\n";
  os << indent << "UseRegion: " << (this->UseRegion ? "On" : "Off") << "\n";
  os << indent << "RegionCenter: " << this->RegionCenter[0] << " " << this->RegionCenter[1] << " "
     << this->RegionCenter[2] << "\n";
  os << indent << "RegionRadius: " << this->RegionRadius << "\n";
  os << indent << "RegionVelocity: " << this->RegionVelocity << "\n";
  os << indent << "Number of further regions: " << this->Regions.size() << "\n";
  os << indent << "NumberOfThreads: " << this->NumberOfThreads << "\n";
  os << indent << "Seconds: " << this->Seconds << "\n";
  os << indent << "LastActivation: " << this->LastActivation << "\n";
  os << indent << "Notes: " << this->Notes << "\n";
  os << indent << "Controller: " << this->Controller << "\n";
}
