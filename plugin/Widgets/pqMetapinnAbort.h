/*=========================================================================

  Program:   Metapinn
  Module:    pqMetapinnAbort.h

  Copyright (c) 2026, the Metapinn authors
  All rights reserved.
  SPDX-License-Identifier: BSD-3-Clause
  See LICENSE for details.

     This software is distributed WITHOUT ANY WARRANTY; without even
     the implied warranty of MERCHANTABILITY or FITNESS FOR A PARTICULAR
     PURPOSE.  See the above copyright notice for more information.

=========================================================================*/
/**
 * @class   pqMetapinnAbort
 * @brief   Lets ParaView's abort button stop Metapinn's filters.
 *
 * ParaView 5.11 has an abort button beside its progress bar and never enables it. This object, made
 * when the plugin is loaded, enables it for as long as one of Metapinn's algorithms computes, lets
 * the click on it through, and hands it on to that algorithm. An algorithm on a remote server is
 * out of its reach.
 */

#ifndef pqMetapinnAbort_h
#define pqMetapinnAbort_h

#include "vtkNew.h"         // For vtkNew
#include "vtkWeakPointer.h" // For vtkWeakPointer

#include <QElapsedTimer> // For QElapsedTimer
#include <QObject>
#include <QPointer> // For QPointer
#include <QWindow>  // For QPointer<QWindow>

class vtkAlgorithm;
class vtkEventQtSlotConnect;
class vtkObject;

class pqMetapinnAbort : public QObject
{
  Q_OBJECT
  typedef QObject Superclass;

public:
  pqMetapinnAbort(QObject* parent = nullptr);
  ~pqMetapinnAbort() override;

  /** When the plugin is loaded and unloaded. */
  void startup();
  void shutdown();

private Q_SLOTS:
  void onEnableProgress(bool enabled);
  void onStart(vtkObject* algorithm);
  void onProgress();
  void onEnd();
  void onAbort();

private:
  Q_DISABLE_COPY(pqMetapinnAbort)

  void setAbortable(bool abortable);

  vtkNew<vtkEventQtSlotConnect> Connections; ///< to Metapinn's algorithms, while ParaView is busy
  vtkWeakPointer<vtkAlgorithm> Running;      ///< the algorithm that computes now
  QPointer<QWindow> Window;                  ///< the one through which clicks are let
  QElapsedTimer SinceEvents;
};

#endif
