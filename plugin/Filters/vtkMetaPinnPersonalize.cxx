/*=========================================================================

  Program:   Metapinn
  Module:    vtkMetaPinnPersonalize.cxx

  Copyright (c) 2026, the Metapinn authors
  All rights reserved.
  SPDX-License-Identifier: BSD-3-Clause
  See LICENSE for details.

     This software is distributed WITHOUT ANY WARRANTY; without even
     the implied warranty of MERCHANTABILITY or FITNESS FOR A PARTICULAR
     PURPOSE.  See the above copyright notice for more information.

=========================================================================*/
#include "vtkMetaPinnPersonalize.h"

#include "vtkActivationMapsWork.h"

#include "vtkFieldData.h"
#include "vtkInformation.h"
#include "vtkInformationVector.h"
#include "vtkObjectFactory.h"
#include "vtkPointData.h"
#include "vtkPointSet.h"
#include "vtkSmartPointer.h"

#include "metapinn/metrics.h"
#include "metapinn/personalize.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <vector>

vtkStandardNewMacro(vtkMetaPinnPersonalize);

namespace
{
const char* const ResultNames[] = { "AT", "CV", "PDEResidual", "Support", "ATEikonal", "ATStd",
  "CVStd" };

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start)
{
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/** A text of the subject, or "". */
std::string Text(const mpinn_subject* subject, const char* key)
{
  const char* text = mpinn_subject_get_text(subject, key);
  return text ? text : "";
}
}

/** What one execution holds and frees. */
class vtkMetaPinnPersonalize::Work : public vtkActivationMapsWork
{
public:
  explicit Work(vtkMetaPinnPersonalize* self)
    : vtkActivationMapsWork(self)
    , Self(self)
  {
  }

  /** The whole computation on the core's side; on failure Error holds the sentence. */
  mpinn_status Execute(vtkDataObject* heart, vtkDataObject* measured)
  {
    mpinn_status status = this->Check();
    if (status == MPINN_OK)
    {
      status = this->TakeInputs(heart, measured, WantedOfHeart);
    }
    if (status == MPINN_OK)
    {
      status = this->ReadModel(*this->Self->Model, this->Self->Weights);
    }
    if (status == MPINN_OK)
    {
      this->Run.SetPart(0.1, 1.0);
      status = this->Personalize();
    }
    return status;
  }

  mpinn_twin_info Info = {};

private:
  mpinn_status Check()
  {
    const double seconds = this->Self->RefineSeconds;
    if (!this->Self->Refine || (seconds > 0 && std::isfinite(seconds)))
    {
      return MPINN_OK;
    }
    std::ostringstream error;
    error << "Refine Seconds is " << seconds << ": a number of seconds above 0 is expected.";
    this->Error = error.str();
    return MPINN_ERROR_ARGUMENT;
  }

  /** What an earlier answer left, or what an answer would cover. */
  static bool WantedOfHeart(const char* name)
  {
    const auto same = [name](const char* other) { return strcmp(name, other) == 0; };
    return std::any_of(std::begin(ResultNames), std::end(ResultNames), same) ||
      vtkMetapinnConvert::IsAnswerText(name) || same("units");
  }

  mpinn_status Personalize()
  {
    std::vector<const char*> names;
    for (const std::string& name : this->Context)
    {
      names.push_back(name.c_str());
    }
    mpinn_site origin = {};
    std::copy_n(this->Self->Origin, 3, origin.position);
    mpinn_personalize_options options;
    mpinn_personalize_options_default(&options);
    options.n_context = names.size();
    options.context = names.data();
    options.query = this->Query.empty() ? nullptr : this->Query.c_str();
    options.origin = !options.query && this->Self->UseOrigin ? &origin : nullptr;
    options.eikonal = this->Self->Eikonal != 0;
    options.uncertainty = this->Self->Uncertainty != 0;
    options.refine = this->Self->Refine ? this->Self->RefineSeconds : 0.0;
    const mpinn_status status = mpinn_personalize_subject(this->Run, this->Self->Model->GetHandle(),
      this->Heart, this->Surface, &options, &this->Info, nullptr);
    return this->Explain(status, *this->Self->Model);
  }

  vtkMetaPinnPersonalize* Self;
};

//------------------------------------------------------------------------------
vtkMetaPinnPersonalize::vtkMetaPinnPersonalize()
  : Model(new vtkMetapinnModel)
{
}

//------------------------------------------------------------------------------
vtkMetaPinnPersonalize::~vtkMetaPinnPersonalize() = default;

//------------------------------------------------------------------------------
void vtkMetaPinnPersonalize::ForgetResults()
{
  this->Seconds = this->TotalSeconds = this->ShapeDistance = 0.0;
  this->ResidualMeanSquare = this->Consistency = 0.0;
  this->NumberOfMeasuredNodes = 0;
  this->Stranger = false;
  this->Summary.clear();
}

//------------------------------------------------------------------------------
int vtkMetaPinnPersonalize::RequestData(
  vtkInformation*, vtkInformationVector** inputVector, vtkInformationVector* outputVector)
{
  const auto start = Clock::now();
  vtkPointSet* heart = vtkPointSet::GetData(inputVector[0], 0);
  vtkDataObject* measured = vtkDataObject::GetData(inputVector[1], 0);
  vtkPointSet* output = vtkPointSet::GetData(outputVector, 0);
  // VTK 9.2 leaves the flag of an earlier abort set, and every later run would stop at once. Not
  // through SetAbortExecute(), which would call Modified().
  this->AbortExecute = 0;
  this->ForgetResults();

  std::string rankError;
  const auto share =
    vtkMetapinnConvert::ShareOf(this, this->Controller, heart, measured, rankError);
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
  const vtkSmartPointer<vtkDataObject> joined =
    measured ? vtkMetapinnConvert::Join(measured) : nullptr;
  const mpinn_status status = work.Execute(heart, joined);
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
  this->Attach(work, output);
  this->Report(work, SecondsSince(start));
  return 1;
}

//------------------------------------------------------------------------------
void vtkMetaPinnPersonalize::Attach(const Work& work, vtkPointSet* output)
{
  for (const char* name : ResultNames)
  {
    const std::string kept = std::string(name) + "_input";
    vtkMetapinnConvert::TakePointArray(work.Heart, name, output);
    if (mpinn_subject_find(work.Heart, kept.c_str(), MPINN_NODES))
    {
      vtkMetapinnConvert::TakePointArray(work.Heart, kept.c_str(), output);
    }
  }
  output->GetPointData()->SetActiveScalars("AT");
  vtkMetapinnConvert::TakeAnswerTexts(work.Heart, output);
  output->GetFieldData()->RemoveArray("Notice");
  if (work.Info.stranger)
  {
    vtkMetapinnConvert::SetText(output, "Notice",
      "This heart or its maps are unlike those that the weights were trained on: no accuracy is "
      "claimed.");
  }
}

//------------------------------------------------------------------------------
void vtkMetaPinnPersonalize::Report(const Work& work, double totalSeconds)
{
  const mpinn_array* residual = mpinn_subject_find(work.Heart, "PDEResidual", MPINN_NODES);
  const bool velocity = mpinn_model_has_velocity(this->Model->GetHandle());
  this->ResidualMeanSquare = velocity
    ? mpinn_mean_square(residual->rows, static_cast<const float*>(residual->values))
    : std::nan("");
  this->Seconds = work.Info.seconds;
  this->TotalSeconds = totalSeconds;
  this->NumberOfMeasuredNodes = static_cast<vtkIdType>(work.Info.n_measured);
  this->ShapeDistance = work.Info.shape_distance;
  this->Stranger = work.Info.stranger;
  const std::string consistency = Text(work.Heart, "metapinn_consistency_ms");
  const std::string refined = Text(work.Heart, "metapinn_refine");
  this->Consistency = strtod(consistency.c_str(), nullptr);
  std::ostringstream summary;
  summary << Text(work.Heart, "metapinn_context") << "; " << work.Info.n_measured
          << " measured nodes; " << 1000.0 * this->TotalSeconds << " ms on "
          << Text(work.Heart, "metapinn_backend");
  if (velocity)
  {
    summary << "; mean square residual " << this->ResidualMeanSquare;
  }
  if (!consistency.empty())
  {
    summary << "; AT and ATEikonal " << consistency << " ms apart; site of origin at "
            << Text(work.Heart, "metapinn_origin_mm") << " mm";
  }
  if (!refined.empty())
  {
    summary << "; refined: " << refined;
  }
  if (this->Stranger)
  {
    summary << "; a heart unlike those of the training";
  }
  this->Summary = summary.str();
}

//------------------------------------------------------------------------------
void vtkMetaPinnPersonalize::PrintSelf(ostream& os, vtkIndent indent)
{
  this->Superclass::PrintSelf(os, indent);
  os << indent << "UseOrigin: " << (this->UseOrigin ? "On" : "Off") << "\n";
  os << indent << "Origin: " << this->Origin[0] << " " << this->Origin[1] << " " << this->Origin[2]
     << "\n";
  os << indent << "Eikonal: " << (this->Eikonal ? "On" : "Off") << "\n";
  os << indent << "Uncertainty: " << (this->Uncertainty ? "On" : "Off") << "\n";
  os << indent << "Refine: " << (this->Refine ? "On" : "Off") << "\n";
  os << indent << "RefineSeconds: " << this->RefineSeconds << "\n";
  os << indent << "Seconds: " << this->Seconds << "\n";
  os << indent << "TotalSeconds: " << this->TotalSeconds << "\n";
  os << indent << "NumberOfMeasuredNodes: " << this->NumberOfMeasuredNodes << "\n";
  os << indent << "ShapeDistance: " << this->ShapeDistance << "\n";
  os << indent << "Stranger: " << this->Stranger << "\n";
  os << indent << "ResidualMeanSquare: " << this->ResidualMeanSquare << "\n";
  os << indent << "Consistency: " << this->Consistency << "\n";
  os << indent << "Summary: " << this->Summary << "\n";
}
